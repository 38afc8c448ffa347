import {
  type CodeOf,
  type DataOf,
  declaredCode,
  type FunctionContract,
  type OverJson,
  type ReasonOf,
  type ReplyOf,
  type RequestOf,
} from '../protocol/contract.ts';
import { isRpcError, RpcError, type RpcErrorOptions } from '../protocol/errors.ts';
import { fit } from '../protocol/schema.ts';
import type { StandardSchemaV1 } from '../protocol/standard-schema.ts';
import { describeThrown } from '../protocol/text.ts';
import type { CallOptions } from './options.ts';

/** Options of a call of a typed function. */
export type FunctionCallOptions = Omit<CallOptions, 'contentType'>;

/** A value from a worker: as its schema makes it if it was `Checked`, else as JSON leaves it. */
export type Arrived<T, Checked extends boolean> = Checked extends true ? T : OverJson<T>;

/** A declared error of a function, as it reaches the function's callers. */
export type DeclaredError<
  F extends FunctionContract,
  Reason extends ReasonOf<F>,
  Checked extends boolean = true,
> = RpcError & {
  readonly reason: Reason;
  readonly code: CodeOf<F, Reason>;
  readonly data: Arrived<DataOf<F, Reason>, Checked>;
};

/** A function on a queue, called with a value and resolving to a value. `Checked`: replies are validated by its schemas. */
export interface RpcFunction<F extends FunctionContract, Checked extends boolean = true> {
  /**
   * Sends the request as JSON and resolves to the reply.
   * @throws RpcError as `call()` does; `INVALID_ARGUMENT` with `issues` if the request does not fit the function's schema;
   * `DATA_LOSS` with the reason `SCHEMA_MISMATCH` if the reply, or the data of a declared error, does not fit: it is checked only
   * where the function itself was given, not its type alone
   */
  (request: RequestOf<F>, options?: FunctionCallOptions): Promise<Arrived<ReplyOf<F>, Checked>>;
  /**
   * True for an error with this reason and, where the function itself was given, not its type alone, the code that it declares
   * for it; the error's `code` and `data` are typed then. Nothing else is compared: of a function that declares the same error
   * it is true as well.
   */
  isError<Reason extends ReasonOf<F>>(error: unknown, reason: Reason): error is DeclaredError<F, Reason, Checked>;
}

/**
 * Makes a typed function out of what calls with JSON.
 * @param contract for the schemas; without it nothing is checked
 */
export function typedFunction(
  callJson: (request: unknown, options: CallOptions | undefined) => Promise<unknown>,
  contract: FunctionContract | undefined,
): RpcFunction<FunctionContract, boolean> {
  const { reply: replySchema, errors = {} } = contract ?? {};
  const declarationOf = (error: unknown) => {
    if (!isRpcError(error) || error.reason === undefined || !Object.hasOwn(errors, error.reason)) return undefined;
    const declaration = errors[error.reason];
    return declaration && declaredCode(error.reason, declaration) === error.code ? declaration : undefined;
  };
  const call = async (request: unknown, options?: FunctionCallOptions): Promise<unknown> => {
    const reply = await callJson(request, options).catch(async (error: unknown) => {
      const schema = declarationOf(error)?.data;
      if (!schema || !isRpcError(error)) throw error;
      const { code, message, reason, issues, correlationId } = error;
      const data = await fitting(schema, error.data, `the data of the worker's error ${reason}`, error);
      throw new RpcError(code, message, { reason, data, issues, correlationId });
    });
    return replySchema ? fitting(replySchema, reply, 'the reply') : reply;
  };
  return Object.assign(call, {
    isError: (error: unknown, reason: string): error is never =>
      isRpcError(error) && error.reason === reason && (!contract || declarationOf(error) !== undefined),
  });
}

async function fitting(schema: StandardSchemaV1, value: unknown, what: string, cause?: unknown): Promise<unknown> {
  const misfit = (why: string, options: RpcErrorOptions) => {
    const message = `${what} does not fit the function's schema: ${why}; does its worker run another version?`;
    return new RpcError('DATA_LOSS', message, { reason: 'SCHEMA_MISMATCH', ...options });
  };
  let known: RpcError | undefined;
  try {
    return await fit(schema, value, (why, issues) => {
      known = misfit(why, { issues, cause });
      return known;
    });
  } catch (error) {
    throw known ?? misfit(`the schema threw: ${describeThrown(error)}`, { cause: error });
  }
}
