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
  const message = `there is no queue '${queue}' (312 NO_ROUTE): start a worker, it declares the queue; or check the name`;
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
