// The public API of the package `fib-worker`, and nothing else.
export type { QueueStatus, QueueType } from './amqp/queues.ts';
export {
  type CallOptions,
  type CallTelemetry,
  type ClientEvent,
  type ClientStats,
  type ClientTelemetry,
  type DiscardReason,
  type ReplyDesign,
  RpcClient,
  type RpcClientOptions,
  type RpcReply,
  type WaitOptions,
  type WatchedCall,
} from './client/client.ts';
export type { EventOfType, TypedEmitter, TypedEvent } from './events.ts';
export type { ReceivedBody } from './protocol/body.ts';
export {
  isRpcError,
  RpcError,
  type RpcErrorCode,
  type RpcErrorOptions,
  type RpcErrorReason,
  rpcErrorCodes,
  rpcErrorReasons,
} from './protocol/errors.ts';
export type { HandlerBody, HandlerReply, HandlerResult } from './protocol/reply.ts';
export type { ReplyAddressFault } from './protocol/reply-address.ts';
export {
  type DeclareOptions,
  type FunctionLog,
  type LogLevel,
  type RejectReason,
  type RequestContext,
  type RequestHandler,
  type RequestTelemetry,
  type RpcRequest,
  RpcWorker,
  type RpcWorkerOptions,
  type ServeOptions,
  type WatchedRequest,
  type WorkerEvent,
  type WorkerStats,
  type WorkerTelemetry,
} from './worker/worker.ts';
