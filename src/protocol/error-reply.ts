import { isRpcErrorCode, RpcError } from './errors.ts';

/** The `type` property of an error reply. */
export const ERROR_REPLY_TYPE = 'error';

/** The content type of an error reply, RFC 9457. */
export const ERROR_REPLY_CONTENT_TYPE = 'application/problem+json';

/** An error reply longer than this is not parsed, in bytes. */
const MAX_ERROR_REPLY_BYTES = 64 * 1024;

/** A longer detail is cut, in UTF-16 units: a function may put anything in it, and JSON makes up to 6 bytes of each. */
const MAX_DETAIL = 8 * 1024;

/** The body of the error reply for `error`: RFC 9457 problem details, with the status code as an extension member. */
export function encodeErrorReply({ code, message }: RpcError): Buffer {
  const title = code.toLowerCase().replaceAll('_', ' ');
  const detail = message.length > MAX_DETAIL ? `${message.slice(0, MAX_DETAIL)}…` : message;
  return Buffer.from(JSON.stringify({ title, detail, code }));
}

/**
 * The error that an error reply rejects its call with: the worker's code and detail. A body that can't be read gives
 * `UNKNOWN`: the worker refused, and that much is known.
 */
export function decodeErrorReply(body: Buffer): RpcError {
  if (body.length > MAX_ERROR_REPLY_BYTES) return unreadable(`it has ${body.length} bytes`);
  let problem: unknown;
  try {
    problem = JSON.parse(body.toString());
  } catch (cause) {
    return unreadable('it is not JSON', cause);
  }
  if (typeof problem !== 'object' || problem === null) return unreadable('it is not a JSON object');
  const { code, detail, title } = problem as Record<string, unknown>;
  const message =
    [detail, title].find((text) => typeof text === 'string' && text !== '') ?? 'the worker gave no reason';
  return new RpcError(isRpcErrorCode(code) ? code : 'UNKNOWN', String(message), { reason: 'ERROR_REPLY' });
}

function unreadable(why: string, cause?: unknown): RpcError {
  return new RpcError('UNKNOWN', `the worker sent an error reply that can't be read: ${why}`, {
    reason: 'ERROR_REPLY',
    cause,
  });
}
