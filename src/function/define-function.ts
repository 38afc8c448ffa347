import type { OptionTable, OptionValues } from '../cli/option.ts';
import { JSON_TYPE } from '../protocol/body.ts';
import { checkContract, declaredCode, type ErrorDeclarations, type WithCodes } from '../protocol/contract.ts';
import { isRpcError, RpcError, type RpcIssue } from '../protocol/errors.ts';
import { checkFunction, checkInteger, checkOptions } from '../protocol/option-checks.ts';
import { errorDataAsJson, type HandlerBody } from '../protocol/reply.ts';
import { andThen, fit } from '../protocol/schema.ts';
import type { SchemaInput, SchemaOutput, StandardSchemaV1 } from '../protocol/standard-schema.ts';
import { describeThrown } from '../protocol/text.ts';
import { isThenable } from '../protocol/waiting.ts';
import type { RequestContext, RpcRequest } from '../worker/handler.ts';
import type { ServedFunction } from '../worker/options.ts';
import { checkFunctionOptions, defaultOptionValues } from './function-options.ts';

/** The definition of a function, see {@link defineFunction}. */
export interface FunctionDefinition<
  Request extends StandardSchemaV1,
  Reply extends StandardSchemaV1 | undefined,
  Errors extends ErrorDeclarations,
  Options extends OptionTable,
  Returned,
> {
  /** Its name, for logs: 1 to 64 letters, digits, dots, dashes or underscores. */
  readonly name: string;
  /** The queue of its requests. Default: its name. */
  readonly queue?: string | undefined;
  /** The request's schema: callers give its input, the handler gets its output. */
  readonly request: Request;
  /** The reply's schema: the handler returns its input, callers get its output. Default: what the handler returns is sent unchecked. */
  readonly reply?: Reply | undefined;
  /** The errors that callers can tell apart, by reason. Default none. */
  readonly errors?: (Errors & WithCodes<Errors>) | undefined;
  /** Its options for the worker's command line; their values are in `context.options`. Default none. */
  readonly options?: Options | undefined;
  /** Its requests in hand at most. Default 1. */
  readonly prefetch?: number | undefined;
  /** A longer request is refused before it is read, in bytes. Default 16 MiB. */
  readonly maxRequestBytes?: number | undefined;
  /** Answers a request. It may run more than once for one call, so it must be idempotent. */
  readonly handler: (
    request: SchemaOutput<Request>,
    context: RequestContext<OptionValues<Options>>,
    errors: DeclaredErrors<Errors>,
  ) => Returned | Promise<Returned>;
}

/** Makes the declared errors of a function, to be thrown: `throw errors.OUT_OF_STOCK('only 2 are left', { left: 2 })`. */
export type DeclaredErrors<Errors extends ErrorDeclarations> = {
  readonly [Reason in keyof Errors]: Errors[Reason] extends { readonly data: infer Data extends StandardSchemaV1 }
    ? (message: string, data: SchemaInput<Data>) => RpcError
    : (message: string) => RpcError;
};

/** A reply as JSON. */
export interface JsonReply<Body> {
  /** The value. */
  readonly body: Body;
  /** Always `application/json`. */
  readonly contentType: string;
}

/** What {@link defineFunction} makes: `worker.serve` takes it, `client.function` too, and a worker's module may export it. */
export interface DefinedFunction<
  Request extends StandardSchemaV1 = StandardSchemaV1,
  Reply extends StandardSchemaV1 | undefined = StandardSchemaV1 | undefined,
  Errors extends ErrorDeclarations = ErrorDeclarations,
  Returned = unknown,
> extends ServedFunction {
  /** Its name, for logs. */
  readonly name: string;
  /** The request's schema. */
  readonly request: Request;
  /** The reply's schema. */
  readonly reply: Reply;
  /** Its declared errors. */
  readonly errors: Errors;
  /** Its options for the worker's command line. */
  readonly options: OptionTable;
  /** Answers a request as it comes from the queue: reads and checks it, calls the function, checks the reply. */
  readonly handler: (
    request: RpcRequest,
    context: RequestContext,
  ) => JsonReply<Returned> | Promise<JsonReply<Returned>>;
}

/** What a handler may return: the input of the reply's schema; without one, any JSON value, so no bigint and no bytes. */
export type ReturnedFor<Reply> = Reply extends StandardSchemaV1
  ? SchemaInput<Reply>
  : Exclude<HandlerBody, bigint | object> | (object & { readonly BYTES_PER_ELEMENT?: never; readonly then?: never });

const definitionParts: readonly (keyof DefinedFunction | 'handler')[] = [
  'name',
  'queue',
  'request',
  'reply',
  'errors',
  'options',
  'prefetch',
  'maxRequestBytes',
  'handler',
];

/**
 * Defines a function whose requests and replies are JSON values with a schema of any library that speaks Standard Schema, such as
 * zod, valibot or arktype.
 *
 * A request that does not fit is answered `INVALID_ARGUMENT`, with `issues` that name the field, and the handler never sees it.
 * A reply, or the data of a declared error, that does not fit is `INTERNAL` to the caller, and the worker's log says why.
 * @throws TypeError that names the part and the value
 */
export function defineFunction<
  Request extends StandardSchemaV1,
  Returned extends ReturnedFor<Reply>,
  Reply extends StandardSchemaV1 | undefined = undefined,
  const Errors extends ErrorDeclarations = Record<never, never>,
  const Options extends OptionTable = Record<never, never>,
>(
  definition: FunctionDefinition<Request, Reply, Errors, Options, Returned>,
): DefinedFunction<Request, Reply, Errors, Returned> {
  const { name, queue = name, request, reply, prefetch, maxRequestBytes } = checkContract(definition);
  const { handler, errors = {} as Errors, options = {} as Options } = definition;
  checkOptions(`function '${name}'`, definition, definitionParts);
  const part = (key: string) => `function '${name}': ${key}`;
  checkFunction(part('handler'), handler);
  if (prefetch !== undefined) checkInteger(part('prefetch'), prefetch, 1);
  if (maxRequestBytes !== undefined) checkInteger(part('maxRequestBytes'), maxRequestBytes, 0);
  checkFunctionOptions(part, options);

  const makers = makersOf(errors) as DeclaredErrors<Errors>;
  const send = (body: unknown) => ({ body: checkJson(body), contentType: JSON_TYPE }) as JsonReply<Returned>;
  const answer = (returned: unknown) => (reply ? andThen(fit(reply, returned, replyMisfit), send) : send(returned));
  const fail = (error: unknown) => failDeclared(errors, error);
  const run = (value: SchemaOutput<Request>, context: RequestContext) => {
    try {
      const returned = handler(value, context as RequestContext<OptionValues<Options>>, makers);
      return isThenable(returned) ? Promise.resolve(returned).then(answer).catch(fail) : answer(returned);
    } catch (error) {
      return fail(error);
    }
  };
  return Object.freeze({
    name,
    queue,
    request,
    reply: reply as Reply,
    errors,
    options,
    functionOptions: defaultOptionValues(options, part),
    prefetch,
    maxRequestBytes,
    contentType: JSON_TYPE,
    handler: (message: RpcRequest, context: RequestContext) =>
      andThen(fit(request, message.json(), requestMisfit), (value) => run(value, context)),
  });
}

function makersOf(errors: ErrorDeclarations) {
  const makers = Object.entries(errors).map(([reason, declaration]) => {
    const code = declaredCode(reason, declaration);
    return [reason, (message: string, data?: unknown) => new RpcError(code, message, { reason, data })];
  });
  return Object.freeze(Object.fromEntries(makers));
}

/** Throws what a handler threw; of a declared error the code is the declared one, and the data have been checked. */
function failDeclared(errors: ErrorDeclarations, error: unknown): Promise<never> {
  const reason = isRpcError(error) ? error.reason : undefined;
  const declaration = reason !== undefined && Object.hasOwn(errors, reason) ? errors[reason] : undefined;
  if (!isRpcError(error) || reason === undefined || !declaration) throw error;
  const { message, issues } = error;
  const checked = declaration.data
    ? fit(
        declaration.data,
        error.data,
        (why) => new TypeError(`the data of the error ${reason} do not fit their schema: ${why}`),
      )
    : error.data;
  return andThen(checked, (data) => {
    checkErrorData(reason, data);
    throw new RpcError(declaredCode(reason, declaration), message, { reason, issues, data });
  });
}

/** Callers tell a declared error by its data: without them it is none. */
function checkErrorData(reason: string, data: unknown): void {
  if (data === undefined) return;
  try {
    errorDataAsJson(data);
  } catch (cause) {
    throw new TypeError(`the data of the error ${reason} can't be sent: ${describeThrown(cause)}`, { cause });
  }
}

function requestMisfit(why: string, issues: readonly RpcIssue[]): RpcError {
  return new RpcError('INVALID_ARGUMENT', `the request does not fit: ${why}`, { reason: 'SCHEMA_MISMATCH', issues });
}

/** A reply that is sent as JSON: bytes would go out as they are. */
function checkJson(body: unknown): unknown {
  const wrong = typeof body === 'bigint' ? 'a bigint' : body instanceof Uint8Array && 'bytes';
  if (!wrong) return body;
  throw new TypeError(
    `the function returned ${wrong}, and its replies are JSON: use a plain function, without schemas`,
  );
}

/** No RpcError: the caller can't help it, and the worker's log is to have it. */
function replyMisfit(why: string): TypeError {
  return new TypeError(`what the function returned does not fit the schema of its replies: ${why}`);
}
