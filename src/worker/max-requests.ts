/** How long a consumer may last so that not one request too many is delivered to it. */
interface Round {
  readonly prefetch: number;
  /** With the delivery of this number it is to be cancelled, before that delivery is acknowledged. */
  readonly deliveries: number;
}

/**
 * The next round of a worker that may take `left` more requests (`Infinity` for any number).
 *
 * basic.qos bounds what is unacknowledged, not what comes. But the broker handles the methods of a channel in order (AMQP
 * 0-9-1, 4.7), so what is acknowledged after a basic.cancel brings nothing more: before it, `deliveries - 1` acks and
 * `prefetch` requests without one make at most `left`. The last requests come one at a time, so that the limit is kept
 * exactly, and nothing has to be sent back.
 *
 * A round must end with its channel: what a quorum queue had assigned to a consumer when it was cancelled, at most
 * `prefetch - 1` requests, is neither delivered nor given to another until the channel closes (seen on RabbitMQ 3.10 and
 * 4.3; classic queues don't). They count as redelivered then, so there is one round like that in a worker's life.
 */
export function nextRound(prefetch: number, left: number): Round {
  return left > prefetch ? { prefetch, deliveries: left - prefetch + 1 } : { prefetch: 1, deliveries: left };
}
