import { messageSizeLimit } from '../amqp/channel-errors.ts';
import { errorCode, type RpcError } from '../protocol/errors.ts';

/** RabbitMQ's default `max_message_size` since 4.0, in bytes. */
const MAX_MESSAGE_SIZE = 16 * 1024 * 1024;

/** How long every caller is asked after before its request is handled, in ms, once a reply address ended the connection. */
const SUSPICION = 60_000;

/** What the end of one consumption teaches the next one, so that what ended it does so once only. */
export class WorkerLessons {
  #maxReplyBytes = MAX_MESSAGE_SIZE;
  #suspiciousUntil = 0;

  /** The longest reply that the broker takes, as far as is known, in bytes. */
  get maxReplyBytes(): number {
    return this.#maxReplyBytes;
  }

  /**
   * Whether to look after each caller before answering. On RabbitMQ 3.10 a reply to an address on a dead node ends the
   * connection (541), and when a node dies there are as many of them as it had callers.
   */
  get suspicious(): boolean {
    return performance.now() < this.#suspiciousUntil;
  }

  /** Learns from what ended a consumption. True if a single request did, so that there is no reason to wait. */
  learn(error: RpcError): boolean {
    if (errorCode(error.cause) === 'INTERNAL_ERROR') {
      this.#suspiciousUntil = performance.now() + SUSPICION;
      return true;
    }
    const limit = messageSizeLimit(error);
    if (limit === undefined || limit >= this.#maxReplyBytes) return false;
    this.#maxReplyBytes = limit;
    return true;
  }
}
