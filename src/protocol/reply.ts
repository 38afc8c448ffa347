import { isJson, JSON_TYPE, OCTETS, TEXT } from './body.ts';
import {
  boundedIssues,
  isOwnReason,
  isRpcError,
  isRpcErrorCode,
  RpcError,
  type RpcErrorCode,
  type RpcIssue,
} from './errors.ts';
import { checkHeaders } from './headers.ts';
import { checkContentType } from './option-checks.ts';
import { cut, describeThrown } from './text.ts';

/** The `type` property of an error reply. */
export const ERROR_REPLY_TYPE = 'error';

/** The content type of an error reply, RFC 9457. */
export const ERROR_REPLY_CONTENT_TYPE = 'application/problem+json';

/**
 * An error reply longer than this is not parsed, in bytes. A worker of ours sends 48 KiB of detail at most, 48 KiB of issues, 32 KiB of
 * data and 3 KiB besides; earlier ones 96 KiB of data, which they counted in UTF-16 units.
 */
const MAX_ERROR_REPLY_BYTES = 256 * 1024;

/** A longer detail is cut, in UTF-16 units: a function may put anything in it, and JSON makes up to 6 bytes of each. */
const MAX_DETAIL = 8 * 1024;

/** An error's data are left out if they are longer than this as JSON, in bytes. */
const MAX_DATA = 32 * 1024;

/**
 * The reply that a function returns, or promises: a string, number or bigint (sent as `text/plain`), bytes (as they are,
 * `application/octet-stream`), any other JSON value (`application/json`), or an object with the key `body`, and at most
 * `contentType` and `headers` besides, whose body is any of these.
 */
export type HandlerResult = HandlerBody | HandlerReply;

/** The body of a {@link HandlerResult}: no promise, or a handler could promise nothing. */
export type HandlerBody = string | number | bigint | Uint8Array | boolean | (object & { readonly then?: never }) | null;

/** A reply's body, with its content type and headers. */
export interface HandlerReply {
  /** The body that is sent. */
  readonly body: HandlerBody;
  /** Default: by what the body is, or what the worker's option `contentType` says. */
  readonly contentType?: string | undefined;
  /** The reply's headers. Default none. */
  readonly headers?: Readonly<Record<string, unknown>> | undefined;
}

/** A reply, ready to be sent. */
export interface EncodedReply {
  readonly body: Buffer;
  /** The octets are the function's own, which it may fill anew as soon as it goes on. */
  readonly borrowed?: boolean;
  readonly contentType: string;
  readonly headers?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * The octets of what a function returned, and what is to be said of them.
 * @param contentType of replies whose function names none. With a JSON one every value but bytes goes out as JSON, with any
 * other one strings, numbers and bigints as text; by default the value decides.
 * @throws TypeError if it can't be sent
 */
export function encodeResult(result: unknown, contentType?: string): EncodedReply {
  if (typeof result !== 'object' || result === null || result instanceof Uint8Array)
    return encodeBody(result, contentType);
  const keys = Object.keys(result);
  if (!keys.includes('body') || !keys.every((key) => key === 'body' || key === 'contentType' || key === 'headers'))
    return encodeBody(result, contentType);
  const { body, contentType: own, headers } = result as HandlerReply;
  const encoded = encodeBody(body, own === undefined ? contentType : checkContentType('contentType', own));
  return headers === undefined ? encoded : { ...encoded, headers: checkHeaders(headers) };
}

function encodeBody(value: unknown, contentType: string | undefined): EncodedReply {
  if (value instanceof Uint8Array) {
    const body = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return { body, borrowed: true, contentType: contentType ?? OCTETS };
  }
  const isText = typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint';
  if (isText && (contentType === undefined || !isJson(contentType)))
    return { body: Buffer.from(String(value)), contentType: contentType ?? TEXT };
  const type = contentType ?? JSON_TYPE;
  if (!isJson(type)) {
    throw new TypeError(
      `the function returned ${kindOf(value)}; replies of content type ${type} are a string, a number, a bigint or a Uint8Array`,
    );
  }
  const json = JSON.stringify(value) as string | undefined; // throws on a cycle or a bigint, and says so
  if (json === undefined) throw new TypeError(`the function returned ${kindOf(value)}, which has no form in JSON`);
  return { body: Buffer.from(json), contentType: type };
}

function kindOf(value: unknown): string {
  return value === null ? 'null' : typeof value;
}

/** An error reply, before it is encoded. */
export interface ReplyError {
  readonly code: RpcErrorCode;
  readonly message: string;
  /** The function's own. */
  readonly reason?: string;
  readonly issues?: readonly RpcIssue[];
  /** A JSON value. */
  readonly data?: unknown;
}

/**
 * The error reply for what a function threw; undefined if that is no error for the caller: no RpcError, or one that
 * was changed so that it can't be sent. Never throws.
 */
export function replyErrorOf(thrown: unknown): ReplyError | undefined {
  if (!isRpcError(thrown)) return undefined;
  try {
    const { code, message, reason, data } = thrown;
    if (!isRpcErrorCode(code) || typeof message !== 'string') return undefined;
    const issues = boundedIssues(thrown.issues);
    return {
      code,
      message,
      ...(isOwnReason(reason) && { reason }),
      ...(issues && { issues }),
      ...(data !== undefined && { data }),
    };
  } catch {
    return undefined;
  }
}

/**
 * The body of the error reply for `error`: RFC 9457 problem details, with the status code, the reason, the issues (as
 * `errors`), the request's correlation id and the data as extension members. Never throws: data that are no JSON, or too
 * long, are left out.
 * @param about the request's correlation id, which leads to the worker's log; and who is told that data were left out
 */
export function encodeErrorReply(
  { code, message, reason, issues, data }: ReplyError,
  about: { readonly correlationId?: string | undefined; readonly onDataOmitted?: (error: TypeError) => void } = {},
): Buffer {
  const title = code.toLowerCase().replaceAll('_', ' ');
  const detail = cut(message, MAX_DETAIL);
  const { correlationId } = about;
  const problem = JSON.stringify({ title, detail, code, correlationId, reason, errors: issues });
  if (data === undefined) return Buffer.from(problem);
  try {
    return Buffer.from(`${problem.slice(0, -1)},"data":${errorDataAsJson(data)}}`);
  } catch (error) {
    about.onDataOmitted?.(new TypeError(`the data of the error were left out: ${describeThrown(error)}`));
    return Buffer.from(problem);
  }
}

/**
 * An error's data as JSON.
 * @throws TypeError if they can't be sent: they are no JSON, or too long
 */
export function errorDataAsJson(data: unknown): string {
  const json = JSON.stringify(data) as string | undefined; // throws on a cycle or a bigint, and says so
  if (json === undefined) throw new TypeError(`${typeof data} has no form in JSON`);
  const bytes = Buffer.byteLength(json);
  if (bytes > MAX_DATA) throw new TypeError(`they have ${bytes} bytes as JSON; at most ${MAX_DATA}`);
  return json;
}

/**
 * The error that an error reply rejects its call with: the worker's code, detail, issues and data, and the function's own reason if
 * it gave one. A body that can't be read gives
 * `UNKNOWN`: the worker refused, and that much is known.
 */
export function decodeErrorReply(body: Buffer, correlationId?: string): RpcError {
  const unreadable = (why: string, cause?: unknown) => {
    const message = `the worker sent an error reply that can't be read: ${why}`;
    return new RpcError('UNKNOWN', message, { reason: 'ERROR_REPLY', cause, correlationId });
  };
  if (body.length > MAX_ERROR_REPLY_BYTES) return unreadable(`it has ${body.length} bytes`);
  let problem: unknown;
  try {
    problem = JSON.parse(body.toString());
  } catch (cause) {
    return unreadable('it is not JSON', cause);
  }
  if (typeof problem !== 'object' || problem === null) return unreadable('it is not a JSON object');
  const { code, detail, title, reason, errors, data } = problem as Record<string, unknown>;
  const message =
    [detail, title].find((text) => typeof text === 'string' && text !== '') ?? 'the worker gave no reason';
  return new RpcError(isRpcErrorCode(code) ? code : 'UNKNOWN', String(message), {
    reason: isOwnReason(reason) ? reason : 'ERROR_REPLY',
    issues: boundedIssues(errors),
    data,
    correlationId,
  });
}
