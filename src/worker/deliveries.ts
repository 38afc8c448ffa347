import type { Delivery } from '../amqp/channel.ts';
import { RpcError } from '../protocol/errors.ts';

/** A quorum queue's count of the deliveries that failed: rejected, or their channel or connection ended. */
const DELIVERY_COUNT = 'x-delivery-count';

/**
 * How many times a request has been delivered before, as far as is known. A quorum queue counts; a classic one says no
 * more than that it happened, which makes 1, and so does a count that is less: what RabbitMQ 4.3 does not count as failed.
 * Where the sender made the headers unreadable, and the count with them, it is Infinity: else nothing would end such a request.
 * @see https://www.rabbitmq.com/docs/quorum-queues#poison-message-handling
 */
export function earlierDeliveries({
  redelivered,
  headers,
}: {
  redelivered: boolean;
  headers?: Delivery['headers'];
}): number {
  if (!redelivered) return 0; // whatever its sender wrote there
  if (headers === null) return Number.POSITIVE_INFINITY;
  const count: unknown = headers?.[DELIVERY_COUNT];
  return typeof count === 'number' ? Math.max(1, count) : 1;
}

/** What the caller of a request is told that seems to end whatever worker gets it. */
export function deliveredTooOften(earlier: number): RpcError {
  const times =
    earlier === 1 ? 'once' : Number.isFinite(earlier) ? `${earlier} times` : 'before (its headers hide how often)';
  const message = `the request was delivered ${times} and never answered; it is not tried again`;
  return new RpcError('INTERNAL', message, { reason: 'DELIVERED_TOO_OFTEN' });
}
