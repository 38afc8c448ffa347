// What a function's module imports as 'fib-worker/function'. build.mjs resolves the name to this very file, wherever the
// module lies: an RpcError that the function throws is then of the class that the worker knows.
import type { OptionTable, OptionValues } from '../cli/option.ts';
import type { RequestContext } from '../worker/handler.ts';

export type {
  BooleanOption,
  MultipleOption,
  OptionNames,
  OptionTable,
  OptionValues,
  SingleOption,
  ValueOption,
} from '../cli/option.ts';
export { duration, integer, list, oneOf, positiveDuration, text, type ValueParser } from '../cli/value-parsers.ts';
export type { ReceivedBody } from '../protocol/body.ts';
export type { ErrorDeclaration, ErrorDeclarations, FunctionContract, WithCodes } from '../protocol/contract.ts';
export {
  isRpcError,
  RpcError,
  type RpcErrorCode,
  type RpcErrorOptions,
  type RpcErrorReason,
  type RpcIssue,
} from '../protocol/errors.ts';
export type { HandlerBody, HandlerReply, HandlerResult } from '../protocol/reply.ts';
export type {
  SchemaInput,
  SchemaOutput,
  StandardSchemaIssue,
  StandardSchemaProps,
  StandardSchemaResult,
  StandardSchemaV1,
} from '../protocol/standard-schema.ts';
export type { FunctionLog, LogLevel, RequestContext, RequestHandler, RpcRequest } from '../worker/handler.ts';
export type { ServedFunction } from '../worker/options.ts';
export {
  type DeclaredErrors,
  type DefinedFunction,
  defineFunction,
  type FunctionDefinition,
  type JsonReply,
  type ReturnedFor,
} from './define-function.ts';

/** The context of a function that exports `options`: `FunctionContext<typeof options>`. */
export type FunctionContext<T extends OptionTable> = RequestContext<OptionValues<T>>;
