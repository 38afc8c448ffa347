import type { Delivery } from '../amqp/channel.ts';
import { RpcError } from '../protocol/errors.ts';

/** A quorum queue's count of the deliveries that failed: rejected, or their channel or connection ended. */
const DELIVERY_COUNT = 'x-delivery-count';

/** Ids of AMQP 1.0 that fit into no property. */
const LONG_CORRELATION_ID = 'x-correlation-id';
const LONG_MESSAGE_ID = 'x-message-id';

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
  if (!redelivered) return 0; // its sender may have written a count
  if (headers === null) return Number.POSITIVE_INFINITY;
  const count: unknown = headers?.[DELIVERY_COUNT];
  return typeof count === 'number' && count > 1 ? count : 1; // NaN, too, is what a sender may have written
}

/** The error reply to a request that seems to end each worker that gets it. */
export function deliveredTooOften(earlier: number): RpcError {
  const times =
    earlier === 1 ? 'once' : Number.isFinite(earlier) ? `${earlier} times` : 'before (its headers hide how often)';
  const message = `the request was delivered ${times} and never answered; it is not tried again`;
  return new RpcError('INTERNAL', message, { reason: 'DELIVERED_TOO_OFTEN' });
}

/**
 * How often this queue has rejected a request and got it back by dead-lettering, as the broker counts in `x-death`. A sender
 * may write that header, too, before RabbitMQ 4.0, and gains no more by it than that his own request is not rejected again.
 * @see https://www.rabbitmq.com/docs/dlx#effects
 */
export function rejectedBefore({ headers }: Pick<Delivery, 'headers'>, queue: string): number {
  const deaths: unknown = headers?.['x-death'];
  if (!Array.isArray(deaths)) return 0;
  let times = 0;
  for (const death of deaths as readonly unknown[]) {
    const { queue: where, reason, count } = Object(death) as Record<string, unknown>;
    if (where === queue && reason === 'rejected') times += typeof count === 'number' && count > 0 ? count : 1;
  }
  return times;
}

/** The `correlation_id` of a reply, or its header where it does not fit into a property. */
export interface ReplyIds {
  readonly correlationId: string | undefined;
  readonly headers?: Readonly<Record<string, unknown>>;
}

/**
 * The request's correlation id, octet for octet; without one its message id, which is what clients of AMQP 1.0 expect back as
 * correlation id. RabbitMQ 4.x puts an id of theirs that fits into no property, because it is binary or longer than 255 octets,
 * into a header, and takes it back in the same way.
 */
export function replyIds({
  correlationId,
  messageId,
  headers,
}: Pick<Delivery, 'correlationId' | 'messageId' | 'headers'>): ReplyIds {
  if (correlationId !== undefined) return { correlationId };
  const long = headers?.[LONG_CORRELATION_ID] ?? (messageId === undefined ? headers?.[LONG_MESSAGE_ID] : undefined);
  if (typeof long === 'string' || long instanceof Uint8Array)
    return { correlationId: undefined, headers: { [LONG_CORRELATION_ID]: long } };
  return { correlationId: messageId };
}
