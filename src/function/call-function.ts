import { encodeTable, readTable } from '../amqp/field-table.ts';
import { typedFunction } from '../client/function.ts';
import { DeliveredReply, type RpcReply } from '../client/reply.ts';
import { JSON_TYPE, MAX_BODY_BYTES, TEXT } from '../protocol/body.ts';
import type { FunctionContract, ReplyOf, RequestOf } from '../protocol/contract.ts';
import { RpcError } from '../protocol/errors.ts';
import { checkHeaders } from '../protocol/headers.ts';
import { checkContentType, checkJson, checkObject, checkOptions, describe } from '../protocol/option-checks.ts';
import { decodeErrorReply, encodeErrorReply } from '../protocol/reply.ts';
import { FunctionRunner, type Outcome, type Run } from '../worker/function-runner.ts';
import type { RequestContext, RpcRequest } from '../worker/handler.ts';
import { checkFunctionModule, type FunctionModule } from './function-module.ts';
import { defaultOptionValues } from './function-options.ts';

/** Options of {@link callFunction}. */
export interface CallFunctionOptions {
  /** The request's headers. Default none. */
  readonly headers?: Readonly<Record<string, unknown>> | undefined;
  /** The request's content type. Default `text/plain`, of a value that is sent as JSON `application/json`. */
  readonly contentType?: string | undefined;
  /** When the caller stops waiting, as `performance.now()` counts: the function's `context.deadline`. Default: never. */
  readonly deadline?: number | undefined;
  /** Aborts the call, and the function's `context.signal`. */
  readonly signal?: AbortSignal | undefined;
  /** Values of the function's own options, by their keys. Default: the defaults of its table. */
  readonly options?: Readonly<Record<string, unknown>> | undefined;
}

/** A function that `defineFunction` made. */
export type TypedFunction = FunctionContract & { readonly handler: (...args: never) => unknown };

/** A function, or the module that has it as its default export: `import * as words from './words.ts'`. */
export type PlainFunction =
  | ((request: RpcRequest, context: RequestContext<never>) => unknown)
  | { readonly default: unknown };

/**
 * Calls a function as a worker would, without a broker: the request is checked, parsed and bounded, and the reply, or the error, is
 * made into what goes over the wire and read again, so that it is what a caller gets. It runs in this thread.
 *
 * One of `defineFunction` takes a value and resolves to a value, as `client.function` does.
 * @throws RpcError as callers get it; where it is `INTERNAL`, its `cause` is what the function threw, which callers never see
 */
export function callFunction<F extends TypedFunction>(
  fn: F,
  request: RequestOf<F>,
  options?: CallFunctionOptions,
): Promise<ReplyOf<F>>;
/**
 * The same for a plain function, or the module that has it: it takes text or bytes, or a value that is sent as JSON, and resolves to a
 * reply, as `client.call` does.
 * @throws RpcError as callers get it
 */
export function callFunction(fn: PlainFunction, request: unknown, options?: CallFunctionOptions): Promise<RpcReply>;
export async function callFunction(
  fn: TypedFunction | PlainFunction,
  request: unknown,
  options: CallFunctionOptions = {},
): Promise<unknown> {
  const called = theFunction(fn);
  if (!isTyped(fn)) {
    const bytes = typeof request === 'string' || request instanceof Uint8Array;
    const body = bytes ? Buffer.from(request as Uint8Array) : asJson(request);
    return call(called, { body, contentType: bytes ? TEXT : JSON_TYPE }, options);
  }
  const send = async (value: unknown) =>
    (await call(called, { body: asJson(value), contentType: JSON_TYPE }, options)).json();
  return typedFunction(send, fn)(request);
}

function isTyped(fn: TypedFunction | PlainFunction): fn is TypedFunction {
  return 'handler' in fn && 'request' in fn;
}

/** The one function that was given, checked as a worker checks a module. */
function theFunction(fn: TypedFunction | PlainFunction): FunctionModule {
  const isModule = typeof fn !== 'function' && !('handler' in checkObject('fn', fn));
  const [one, ...others] = checkFunctionModule(isModule ? { ...fn } : { default: fn });
  if (!one || others.length > 0)
    throw new TypeError(`fn: expected one function, got a module of ${others.length + 1}; give one of them`);
  return one;
}

function asJson(value: unknown): Buffer {
  return Buffer.from(checkJson('request', value, 'text, bytes or a JSON value'));
}

async function call(
  fn: FunctionModule,
  message: { readonly body: Buffer; readonly contentType: string },
  options: CallFunctionOptions,
): Promise<RpcReply> {
  const { headers = {}, contentType, deadline, signal, options: given = {} } = checkOptions('options', options, names);
  if (deadline !== undefined && !Number.isFinite(deadline))
    throw new TypeError(`deadline: expected a time as performance.now() counts, got ${describe(deadline)}`);
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new TypeError(`signal: expected an AbortSignal, got ${describe(signal)}`);
  const failures: unknown[] = [];
  const runner = new FunctionRunner({
    handler: fn.handler,
    contentType: fn.contentType,
    functionOptions: { ...defaultOptionValues(fn.options), ...checkObject('options', given) },
    maxRequestBytes: fn.maxRequestBytes ?? MAX_BODY_BYTES,
    maxReplyBytes: () => MAX_BODY_BYTES,
    tell: (event) => {
      if (event.type === 'handler-failed') failures.push(event.error);
    },
    overruns: { began() {}, ended() {} }, // settled at the deadline, even if the function goes on
  });
  const request = {
    ...message,
    ...(contentType !== undefined && { contentType: checkContentType('contentType', contentType) }),
    headers: overTheWire(checkHeaders(headers)),
    redelivered: false,
  };
  // a worker's clocks keep no process running, but a test that waits for one has nothing else that does
  const alive = deadline === undefined ? undefined : setInterval(() => {}, 60_000);
  try {
    signal?.throwIfAborted();
    const run = runner.run(request, deadline);
    return asCallersSee('outcome' in run ? await unlessAborted(run, signal) : run, failures);
  } finally {
    clearInterval(alive);
  }
}

const names = ['headers', 'contentType', 'deadline', 'signal', 'options'];

/** A field table as it arrives: a Date is a number of seconds then. */
function overTheWire(table: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const octets = encodeTable(table);
  return readTable(octets, 0, octets.length);
}

/** Rejects with the signal's reason as soon as it aborts, as a call does, and stops the run as a caller who cancels. */
async function unlessAborted({ outcome, cancel }: Run, signal: AbortSignal | undefined): Promise<Outcome> {
  if (!signal) return outcome;
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => {
      cancel();
      reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort(); // while the function's first part ran
  });
  return Promise.race([outcome, aborted]).finally(() => signal.removeEventListener('abort', onAbort));
}

/**
 * The reply that a caller gets.
 * @param failures the errors that a worker's log would have
 * @throws RpcError that a caller gets instead
 */
function asCallersSee(outcome: Outcome, [cause]: readonly unknown[]): RpcReply {
  if ('body' in outcome)
    return new DeliveredReply({ ...outcome, headers: outcome.headers && overTheWire(outcome.headers) });
  const error = decodeErrorReply(encodeErrorReply(outcome));
  if (cause === undefined) throw error;
  const { code, message, reason, data, issues } = error;
  throw new RpcError(code, message, { reason, data, issues, cause });
}
