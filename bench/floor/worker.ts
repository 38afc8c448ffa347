import { CALL_TIMEOUT, type Implementation } from '../../src/compare/implementation.ts';
import { ackUpTo, cancelConsumer, consumeRequests, publishReply, setPrefetch } from './channel.ts';
import { CLOSE_TIMEOUT, FloorConnection } from './connection.ts';
import { CHANNEL, method } from './protocol.ts';

/**
 * Answers whatever comes, where its `reply_to` says. The replies to what one read of the socket brought, and one ack for
 * all of them, go out in one write. An answer that throws ends it: the floor has no error replies.
 */
export const serveFloor: Implementation['serve'] = async (target, { prefetch, answer, onEnd }) => {
  const queue = Buffer.from(target.queue).toString('latin1');
  let answered = 0; // the last delivery tag
  let consuming = false;
  const connection = new FloorConnection(target, {
    onDelivery(body, id, replyTo, deliveryTag) {
      try {
        publishReply(connection.write(), replyTo, id, answer(body));
        answered = deliveryTag;
      } catch (error) {
        connection.fail(error instanceof Error ? error : new Error(String(error)));
      }
    },
    beforeWrite() {
      if (answered > 0) ackUpTo(connection.write(), answered);
      answered = 0;
    },
    onReturn() {},
    onLost(error) {
      if (consuming) onEnd(error);
    },
  });
  const limit = setTimeout(() => connection.fail(new Error('the broker does not answer')), CALL_TIMEOUT);
  try {
    await connection.open({ cancelNotify: true });
    setPrefetch(connection.write(), prefetch);
    consumeRequests(connection.write(), queue);
    await Promise.all([connection.until(method.basicQosOk), connection.until(method.basicConsumeOk)]);
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
      cancelConsumer(connection.write(), queue);
      await connection.until(method.basicCancelOk);
      // what was delivered is answered by now; the channel's end comes after its acks, that of the connection may not
      connection.write().method(CHANNEL, method.channelClose).uint16(200).text('').uint16(0).uint16(0).end();
      await connection.until(method.channelCloseOk);
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
