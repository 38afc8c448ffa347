import { messageSizeLimit } from '../amqp/channel-errors.ts';
import { connectionLost } from '../amqp/connection.ts';
import { RpcError, type RpcErrorReason } from '../protocol/errors.ts';
import type { Call, CallSettings } from './call.ts';

const BLOCKED = 'RabbitMQ blocks publishers (low on memory or disk)';

/**
 * The time limit of a call that was sent passed without a reply.
 * @param blocked whether the broker took nothing from publishers meanwhile
 */
export function noReplyError({ id, startedBy, request: { queue, timeout } }: Call, blocked: boolean): RpcError {
  const why = blocked
    ? `${BLOCKED}, and may not have read the request`
    : startedBy
      ? "a worker began it, and its function has not answered: give it more time, or see the worker's log"
      : 'does a worker serve it? Or is the queue full (with reject-publish nobody is told), or does a function call its own queue and wait for itself?';
  const message = `no reply from '${queue}' within ${duration(timeout)}: ${why}`;
  return new RpcError('DEADLINE_EXCEEDED', message, { reason: 'TIMEOUT', correlationId: id });
}

/** The obstacles that kept a call from being sent. */
export interface Obstacle {
  /** Why there is no connection, as far as it is known; undefined if there is one. */
  readonly noBroker: { readonly why: RpcError | undefined } | undefined;
  /** Whether the broker took nothing from publishers. */
  readonly blocked: boolean;
  /** Whether the broker, or the network, took too little of what was sent before. */
  readonly congested: boolean;
  /** Whether its reply queue was being made. */
  readonly preparing: boolean;
  readonly maxInFlight: number;
}

/** The time limit of the call passed before it could be sent, or sent again. */
export function notSentError({ number, request: { timeout } }: Call, obstacle: Obstacle): RpcError {
  const { noBroker, blocked, congested, preparing, maxInFlight } = obstacle;
  const wasSent = number > 0; // and its worker may have begun
  const notSent = `${wasSent ? 'sent, lost with its connection, and not sent again' : 'not sent'} within ${duration(timeout)}`;
  if (noBroker) {
    const why = noBroker.why ? `: ${noBroker.why.message}` : '';
    return timeoutError(`${notSent}: there was no connection to RabbitMQ${why}`, 'NO_BROKER', noBroker.why);
  }
  if (blocked) return timeoutError(`${notSent}: ${BLOCKED}`, 'TIMEOUT');
  if (congested) {
    const message = `${notSent}: the network, or RabbitMQ, is too slow for what was sent before it`;
    return timeoutError(message, 'TIMEOUT');
  }
  if (preparing) return timeoutError(`${notSent}: RabbitMQ made no reply queue for it in that time`, 'TIMEOUT');
  const bound = `at most ${maxInFlight} calls are in flight at a time (maxInFlight)`;
  return timeoutError(`${notSent}: its turn came too late; ${bound}`, 'TIMEOUT');
}

/** `connect()` did not connect in its time, in ms. */
export function notConnectedError(timeout: number, why: RpcError | undefined): RpcError {
  const cause = why ? `: ${why.message}` : '';
  return timeoutError(`no connection to RabbitMQ within ${duration(timeout)}${cause}`, 'NO_BROKER', why);
}

function timeoutError(message: string, reason: RpcErrorReason, cause?: RpcError): RpcError {
  return new RpcError('DEADLINE_EXCEEDED', message, { reason, cause });
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

/** `maxWaiting` calls wait already, and this one is refused: calls come faster than workers answer. */
export function tooManyError(waiting: number): RpcError {
  return new RpcError(
    'RESOURCE_EXHAUSTED',
    `${waiting} calls wait already (maxWaiting): call slower, or start workers`,
    { reason: 'TOO_MANY_CALLS' },
  );
}

/** The client was closed before or during the call. */
export function closedError(): RpcError {
  return new RpcError('CANCELLED', 'the client is closed', { reason: 'CLOSED' });
}

/** The request is longer than may be sent, in bytes. */
export function tooLongError(length: number, limit: number): RpcError {
  const message = `the request has ${length} bytes; the limit is ${limit}`;
  return new RpcError('INVALID_ARGUMENT', message, { reason: 'TOO_LARGE' });
}

/** The request does not fit into what was agreed with the broker: its headers are longer than a frame (`frame_max`). */
export function unsendableError(cause: unknown): RpcError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new RpcError('INVALID_ARGUMENT', `the request can't be sent: ${why}`, { reason: 'TOO_LARGE', cause });
}

/**
 * Explains what the loss of its channel means for the call of this request. A request that is longer than the broker takes ends the
 * channel for other calls, too: these can't help it, and may be made again.
 */
export function lossError({ body }: CallSettings, error: RpcError): RpcError {
  const limit = messageSizeLimit(error);
  if (limit === undefined) return error;
  return body.length > limit ? tooLongError(body.length, limit) : connectionLost(error);
}

/** The broker ended the consumer of a reply queue (`basic.cancel`), which is all that it says. */
export function replyQueueCancelled(queue: string): RpcError {
  return connectionLost(
    new Error(
      `RabbitMQ cancelled the consumer of the reply queue '${queue}': somebody deleted it, or its node stopped`,
    ),
  );
}
