import { messageSizeLimit } from '../amqp/channel-errors.ts';
import { connectionLost } from '../amqp/connection.ts';
import { RpcError, type RpcErrorReason } from '../protocol/errors.ts';

/** The time limit of the call, in ms, passed without a reply. */
export function noReplyError(timeout: number, queue: string): RpcError {
  return timeoutError(`no reply from '${queue}' within ${duration(timeout)}: does a worker serve it?`, 'TIMEOUT');
}

/** What kept a call from being sent. */
interface Obstacle {
  /** Whether the broker took nothing from publishers; undefined: there was no broker. */
  readonly blocked: boolean | undefined;
  /** Whether its reply queue was being made. */
  readonly leasing: boolean;
  readonly maxInFlight: number;
}

/** The time limit of the call, in ms, passed before it could be sent. */
export function notSentError(timeout: number, { blocked, leasing, maxInFlight }: Obstacle): RpcError {
  const why = blocked
    ? 'RabbitMQ blocks publishers (low on memory or disk)'
    : leasing
      ? 'RabbitMQ made no reply queue for it in that time'
      : `${maxInFlight} calls were in flight before it`;
  return blocked === undefined
    ? timeoutError(`not sent within ${duration(timeout)}: there was no connection to RabbitMQ`, 'NO_BROKER')
    : timeoutError(`not sent within ${duration(timeout)}: ${why}`, 'TIMEOUT');
}

function timeoutError(message: string, reason: RpcErrorReason): RpcError {
  return new RpcError('DEADLINE_EXCEEDED', message, { reason });
}

/** A duration in ms, for people. */
function duration(ms: number): string {
  return ms >= 1_000 ? `${Number((ms / 1_000).toFixed(1))} s` : `${ms} ms`;
}

/** The broker returned the request: there is no such queue. */
export function noQueueError(queue: string): RpcError {
  const help = 'start a worker, it declares the queue; or check the name, and in a cluster whether all nodes are up';
  const message = `there is no queue '${queue}' (312 NO_ROUTE): ${help}`;
  return new RpcError('UNAVAILABLE', message, { reason: 'NO_QUEUE' });
}

/** So many calls wait that this one is refused: whoever calls does so faster than workers answer. */
export function tooManyError(waiting: number): RpcError {
  return new RpcError(
    'RESOURCE_EXHAUSTED',
    `${waiting} calls wait already (maxWaiting): call slower, or start workers`,
  );
}

/** The client was closed before or during the call. */
export function closedError(): RpcError {
  return new RpcError('CANCELLED', 'the client is closed', { reason: 'CLOSED' });
}

/** The request is longer than may be sent, in bytes. */
export function tooLongError(body: Buffer, limit: number): RpcError {
  return new RpcError('INVALID_ARGUMENT', `the request has ${body.length} bytes; the limit is ${limit}`);
}

/**
 * What the loss of its channel means for the call of this request. A request that is longer than the broker takes ends the
 * channel for other calls, too: these can't help it, and may be made again.
 */
export function lossError(body: Buffer, error: RpcError): RpcError {
  const limit = messageSizeLimit(error);
  if (limit === undefined) return error;
  return body.length > limit ? tooLongError(body, limit) : connectionLost(error);
}
