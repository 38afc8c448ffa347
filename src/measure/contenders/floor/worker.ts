import { CALL_TIMEOUT, type Implementation } from '../implementation.ts';
import { ackUpTo, cancelConsumer, closeChannel, consumeRequests, publishReply, setPrefetch } from './channel.ts';
import { CLOSE_TIMEOUT, FloorConnection } from './connection.ts';
import { method } from './protocol.ts';

const CHANNEL = 1;

/**
 * Answers each request, where its `reply_to` says. The replies to what one read of the socket brought, and one ack for
 * all of them, go out in one write. An answer that throws ends it: the floor has no error replies.
 */
export const serveFloor: Implementation['serve'] = async (target, { prefetch, answer, onEnd }) => {
  const queue = Buffer.from(target.queue).toString('latin1');
  let answered = 0; // the last delivery tag
  let consuming = false;
  let lost: Error | undefined;
  const connection = new FloorConnection(target, {
    onDelivery(body, id, replyTo, deliveryTag) {
      try {
        publishReply(connection.write(CHANNEL), replyTo, id, answer(body));
        answered = deliveryTag;
      } catch (error) {
        connection.fail(error instanceof Error ? error : new Error(String(error)));
      }
    },
    beforeWrite: ack,
    onReturn() {},
    onLost(error) {
      lost = error;
      if (consuming) onEnd(error);
    },
  });
  function ack(): void {
    if (answered > 0) ackUpTo(connection.write(CHANNEL), answered);
    answered = 0;
  }
  const limit = setTimeout(() => connection.fail(new Error('the broker does not answer')), CALL_TIMEOUT);
  try {
    await connection.open({ cancelNotify: true });
    setPrefetch(connection.write(CHANNEL), prefetch);
    consumeRequests(connection.write(CHANNEL), queue);
    await Promise.all([connection.until(CHANNEL, method.basicQosOk), connection.until(CHANNEL, method.basicConsumeOk)]);
    if (lost) throw lost; // by the first request
  } catch (error) {
    await connection.close();
    throw error;
  } finally {
    clearTimeout(limit);
  }
  consuming = true;

  const close = async () => {
    consuming = false;
    const limit = setTimeout(() => connection.fail(new Error('the broker does not answer')), CLOSE_TIMEOUT);
    try {
      cancelConsumer(connection.write(CHANNEL), queue);
      await connection.until(CHANNEL, method.basicCancelOk);
      // what was delivered is answered by now; the channel's end comes after its acks
      ack();
      closeChannel(connection.write(CHANNEL));
      await connection.until(CHANNEL, method.channelCloseOk);
    } catch {
      // lost meanwhile
    } finally {
      clearTimeout(limit);
    }
    await connection.close();
  };
  let closing: Promise<void> | undefined;
  return {
    close() {
      closing ??= close();
      return closing;
    },
  };
};
