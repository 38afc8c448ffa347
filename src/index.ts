// The public API of the package `fib-worker`, and nothing else.
export type { QueueStatus, QueueType } from './amqp/queues.ts';
export {
  type Arrived,
  type CallOptions,
  type CallTelemetry,
  type ClientEvent,
  type ClientStats,
  type ClientTelemetry,
  type DeclaredError,
  type DiscardReason,
  type FunctionCallOptions,
  type ReplyDesign,
  RpcClient,
  type RpcClientOptions,
  type RpcFunction,
  type RpcReply,
  type WaitOptions,
  type WatchedCall,
} from './client/client.ts';
export type { EventOfType, TypedEmitter, TypedEvent } from './events.ts';
export {
  type DeclaredErrors,
  type DefinedFunction,
  defineFunction,
  type FunctionDefinition,
  type JsonReply,
  type ReturnedFor,
} from './function/define-function.ts';
export type { ReceivedBody } from './protocol/body.ts';
export type {
  CodeOf,
  DataOf,
  ErrorDeclaration,
  ErrorDeclarations,
  FunctionContract,
  OverJson,
  ReasonOf,
  ReplyOf,
  RequestOf,
  WithCodes,
} from './protocol/contract.ts';
export {
  isRpcError,
  RpcError,
  type RpcErrorCode,
  type RpcErrorOptions,
  type RpcErrorReason,
  type RpcIssue,
  rpcErrorCodes,
  rpcErrorReasons,
} from './protocol/errors.ts';
export type { HandlerBody, HandlerReply, HandlerResult } from './protocol/reply.ts';
export type { ReplyAddressFault } from './protocol/reply-address.ts';
export type { RequestIds } from './protocol/request-ids.ts';
export type {
  SchemaInput,
  SchemaOutput,
  StandardSchemaIssue,
  StandardSchemaProps,
  StandardSchemaResult,
  StandardSchemaV1,
} from './protocol/standard-schema.ts';
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
  type ServedFunction,
  type ServeOptions,
  type WatchedRequest,
  type WorkerEvent,
  type WorkerStats,
  type WorkerTelemetry,
} from './worker/worker.ts';
