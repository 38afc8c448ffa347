import { RpcError } from './errors.ts';

/** The time limit of the call, in ms, passed without a reply. */
export function noReplyError(timeout: number, queue: string): RpcError {
  return timeoutError(`no reply from '${queue}' within ${timeout} ms: does a worker serve it?`);
}

/** The time limit of the call, in ms, passed before it could be sent. */
export function notSentError(timeout: number, why: string): RpcError {
  return timeoutError(`not sent within ${timeout} ms: ${why}`);
}

function timeoutError(message: string): RpcError {
  return new RpcError('DEADLINE_EXCEEDED', message, { reason: 'TIMEOUT' });
}

/** The broker returned the request: there is no such queue. */
export function noQueueError(queue: string): RpcError {
  const message = `there is no queue '${queue}' (312 NO_ROUTE): start a worker, it declares the queue; or check the name`;
  return new RpcError('UNAVAILABLE', message, { reason: 'NO_QUEUE' });
}

/** The client was closed before or during the call. */
export function closedError(): RpcError {
  return new RpcError('CANCELLED', 'the client is closed', { reason: 'CLOSED' });
}
