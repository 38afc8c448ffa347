import type { Channel, ReturnedMessage } from 'rabbitmq-client';

/**
 * How long to wait before a reply goes out again, each time, in ms: the lag mostly is a few milliseconds, RabbitMQ's
 * documentation reckons with 1 to 2 s, and a node that is short of CPU takes longer.
 */
const PAUSES = [5, 20, 100, 400, 1_500, 3_000, 5_000];

/** When the pauses are over for certain, in ms. */
const FORGET = 12_000;

/** Replies that may wait at a time; whatever comes back beyond that is dropped, as it would be anyway. */
const MAX_WAITING = 1_000;

/** And so many bytes: more than the largest reply that RabbitMQ takes by default. */
const MAX_WAITING_BYTES = 32 * 1024 * 1024;

/**
 * Sends replies again that came back because no such queue was there. Where RabbitMQ keeps its metadata in Khepri, as it
 * does since 4.2, a queue is declared once a majority of the nodes knows it: the worker's may be one that doesn't yet, and
 * would drop the reply. One whose caller is gone comes back each time, and is dropped in the end.
 *
 * @see https://www.rabbitmq.com/docs/metadata-store/everyday-operations#consistency-model-and-visibility-guarantees
 */
export function resendReturned(channel: Channel): void {
  const sent = new Map<string, number>();
  let waitingBytes = 0;
  channel.on('basic.return', ({ routingKey, correlationId, contentType, type, body }: ReturnedMessage) => {
    const key = `${routingKey} ${correlationId}`;
    const times = sent.get(key) ?? 0;
    const pause = PAUSES[times];
    if (pause === undefined || (times === 0 && sent.size === MAX_WAITING)) return;
    if (waitingBytes + body.length > MAX_WAITING_BYTES) return;
    waitingBytes += body.length;
    if (times === 0) setTimeout(() => sent.delete(key), FORGET).unref();
    sent.set(key, times + 1);
    const envelope = {
      exchange: '',
      routingKey,
      correlationId,
      contentType,
      type,
      durable: false,
      timestamp: undefined,
    };
    setTimeout(() => {
      waitingBytes -= body.length;
      if (channel.active) channel.basicPublish({ ...envelope, mandatory: true }, body).catch(() => {});
    }, pause).unref();
  });
}
