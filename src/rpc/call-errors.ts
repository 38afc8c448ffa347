import { messageSizeLimit } from './channel-errors.ts';
import { connectionLost } from './connection.ts';
import { RpcError, type RpcErrorReason } from './errors.ts';

/** The time limit of the call, in ms, passed without a reply. */
export function noReplyError(timeout: number, queue: string): RpcError {
  return timeoutError(`no reply from '${queue}' within ${duration(timeout)}: does a worker serve it?`, 'TIMEOUT');
}

/** The time limit of the call, in ms, passed before it could be sent; `connected` tells whether there was a broker. */
export function notSentError(timeout: number, why: string, { connected }: { readonly connected: boolean }): RpcError {
  return timeoutError(`not sent within ${duration(timeout)}: ${why}`, connected ? 'TIMEOUT' : 'NO_BROKER');
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
