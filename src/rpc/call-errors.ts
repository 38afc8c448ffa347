import { RpcError } from './errors.ts';

/** The time limit of the call passed. */
export function timeoutError(message: string): RpcError {
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
