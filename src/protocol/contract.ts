import { isOwnReason, isRpcErrorCode, type RpcErrorCode } from './errors.ts';
import { checkObject, checkQueueName, describe } from './option-checks.ts';
import { checkSchema } from './schema.ts';
import type { SchemaInput, SchemaOutput, StandardSchemaV1 } from './standard-schema.ts';

/**
 * The terms on which a function is called: its name, queue, schemas and errors. What `defineFunction` makes is one; an object
 * without a handler is, too, for callers who are not to load the function's code.
 */
export interface FunctionContract {
  /** Its name, for logs: 1 to 64 letters, digits, dots, dashes or underscores. */
  readonly name: string;
  /** The queue of its requests. Default: its name. */
  readonly queue?: string | undefined;
  /** The request's schema: callers give its input, the function gets its output. */
  readonly request: StandardSchemaV1;
  /**
   * The reply's schema: the function returns its input, callers get its output. It is applied where the function runs, and once
   * more by callers that have it, so its output must be an input of it as well. Default: as the function returns it, unchecked.
   */
  readonly reply?: StandardSchemaV1 | undefined;
  /** The errors that callers can tell apart, by reason. Default none. */
  readonly errors?: ErrorDeclarations | undefined;
}

/** Declared errors by their reasons, such as `OUT_OF_STOCK`: capitals, digits and underscores. */
export type ErrorDeclarations = Readonly<Record<string, ErrorDeclaration>>;

/** A declared error. */
export interface ErrorDeclaration {
  /** Its code. Default: the reason, where that is the name of a code, such as `NOT_FOUND`. */
  readonly code?: RpcErrorCode | undefined;
  /** The schema of its data, applied as that of a reply. Default: no data. */
  readonly data?: StandardSchemaV1 | undefined;
}

/** Declarations whose codes are known: only a reason that is the name of a code may do without. */
export type WithCodes<Errors extends ErrorDeclarations> = {
  readonly [Reason in keyof Errors]: Reason extends RpcErrorCode ? ErrorDeclaration : { readonly code: RpcErrorCode };
};

/** What callers of a function give. */
export type RequestOf<F extends FunctionContract> = SchemaInput<F['request']>;

/** What callers of a function get: by the schema of its replies, or else what its handler returns, as JSON leaves it. */
export type ReplyOf<F extends FunctionContract> = F extends { readonly reply: infer Reply extends StandardSchemaV1 }
  ? SchemaOutput<Reply>
  : F extends { readonly handler: (...args: never) => infer Returned }
    ? OverJson<Awaited<Returned> extends { readonly body: infer Body } ? Body : unknown>
    : unknown;

/** The reasons of a function's declared errors. */
export type ReasonOf<F extends FunctionContract> = F extends { readonly errors: infer Errors extends ErrorDeclarations }
  ? keyof Errors & string
  : never;

/** The code of a declared error. */
export type CodeOf<F extends FunctionContract, Reason extends ReasonOf<F>> = NonNullable<F['errors']>[Reason] extends {
  readonly code: infer Code extends RpcErrorCode;
}
  ? Code
  : Reason & RpcErrorCode;

/** The data of a declared error, as its schema makes them. */
export type DataOf<F extends FunctionContract, Reason extends ReasonOf<F>> = NonNullable<F['errors']>[Reason] extends {
  readonly data: infer Data extends StandardSchemaV1;
}
  ? SchemaOutput<Data>
  : unknown;

/** The form in which a value arrives that was sent as JSON: a Date as a string, no functions, no bigint. */
export type OverJson<T> = T extends string | number | boolean | null | undefined
  ? T
  : T extends { toJSON(): infer Json }
    ? Json
    : T extends bigint | ((...args: never) => unknown)
      ? never
      : T extends object
        ? { [Key in keyof T]: OverJson<T[Key]> }
        : T;

/**
 * Checks a contract, whose types a function in JavaScript gets no help from.
 * @throws TypeError that names the function, the part and the value
 */
export function checkContract<F extends FunctionContract>(contract: F): F {
  const { name, queue, request, reply, errors = {} } = checkObject('function', contract);
  const where = `function '${checkFunctionName('function: name', name)}'`;
  checkQueueName(queue ?? name, `${where}: queue`);
  checkSchema(`${where}: request`, request);
  if (reply !== undefined) checkSchema(`${where}: reply`, reply);
  for (const [reason, declaration] of Object.entries(checkObject(`${where}: errors`, errors))) {
    if (!isOwnReason(reason))
      throw new TypeError(
        `${where}: errors: expected reasons such as OUT_OF_STOCK, and none of the library's own, got ${describe(reason)}`,
      );
    const code = declaredCode(reason, checkObject(`${where}: errors.${reason}`, declaration));
    if (!isRpcErrorCode(code))
      throw new TypeError(
        `${where}: errors.${reason}.code: expected a code such as FAILED_PRECONDITION, got ${describe(declaration.code)}`,
      );
    if (declaration.data !== undefined) checkSchema(`${where}: errors.${reason}.data`, declaration.data);
  }
  return contract;
}

/** The code of a declared error. */
export function declaredCode(reason: string, { code }: ErrorDeclaration): RpcErrorCode {
  return code ?? (reason as RpcErrorCode);
}

/** A function's name, for logs and `--help`. */
export function checkFunctionName(called: string, name: unknown): string {
  if (typeof name === 'string' && isFunctionName(name)) return name;
  const shown = typeof name === 'string' ? JSON.stringify(name.slice(0, 80)) : typeof name;
  throw new TypeError(`${called}: expected 1 to 64 letters, digits, dots, dashes or underscores, got ${shown}`);
}

/** Whether a function may have this name. */
export function isFunctionName(name: string): boolean {
  return /^[\w.-]{1,64}$/.test(name);
}
