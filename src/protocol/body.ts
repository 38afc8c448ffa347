import { constants, isUtf8 } from 'node:buffer';
import { decodeAmqpValue } from './amqp-value.ts';
import { RpcError, type RpcErrorCode, type RpcErrorReason } from './errors.ts';

/** The content type of text, and of a request or a reply that says nothing else. */
export const TEXT = 'text/plain';

/** The content type of JSON values. */
export const JSON_TYPE = 'application/json';

/** The content type of octets that nobody gave another one. */
export const OCTETS = 'application/octet-stream';

/** The longest body unless somebody says otherwise, in bytes: RabbitMQ's own limit since 4.0. */
export const MAX_BODY_BYTES = 16 * 1024 * 1024;

/** The `type` of a message that a client of AMQP 1.0 sent whose body is one value, not octets. */
const AMQP_1_0 = 'amqp-1.0';

/** Values of `content_encoding` that stand for no compression: names of the character set that we speak, as some libraries write them there. */
const PLAIN = /^(?:|identity|binary|[78]bit|utf-?8|us-ascii|ascii)$/;

/** Whether a content type says JSON: `application/json`, `application/problem+json`, with parameters or without. */
export function isJson(contentType: string): boolean {
  return /^\s*application\/(?:[^\s;]*\+)?json\s*(?:;|$)/i.test(contentType);
}

/** Whether a content type says that the body is text, JSON included. One that says nothing is taken for text, as the tutorial's are. */
export function saysText(contentType: string | undefined): boolean {
  return contentType === undefined || /^\s*(?:text\/|$)/i.test(contentType) || isJson(contentType);
}

/** The parts of a message that tell how to read its body. */
export interface BodyMessage {
  readonly body: Buffer;
  readonly contentType?: string | undefined;
  readonly contentEncoding?: string | undefined;
  readonly type?: string | undefined;
}

/** Which body it is: that decides what an unreadable one means. */
export type BodyOf = 'request' | 'reply';

/** A body that came from the other side, and what its message says of it. Nobody has checked that. */
export class ReceivedBody {
  /** The octets as they came. */
  readonly body: Buffer;
  /** `content_type`, one character an octet; undefined where there was none. */
  readonly contentType: string | undefined;
  /** `content_encoding`, one character an octet; undefined where there was none. */
  readonly contentEncoding: string | undefined;
  /** The message's `type`: `error` for an error reply, `amqp-1.0` for a value that a client of AMQP 1.0 sent. */
  readonly type: string | undefined;
  readonly #of: BodyOf;
  readonly #maxBytes: number;
  #decoded: Buffer | undefined;

  /**
   * @param maxBytes how long the body may be once nothing is compressed any more, in bytes
   * @internal
   */
  constructor(message: BodyMessage, of: BodyOf, maxBytes: number) {
    this.body = message.body;
    this.contentType = message.contentType;
    this.contentEncoding = message.contentEncoding;
    this.type = message.type;
    this.#of = of;
    this.#maxBytes = maxBytes;
  }

  /**
   * The decoded octets: gzip, deflate and br (`content_encoding`) are undone, and an AMQP 1.0 value gives its string, its binary or
   * the digits of its whole number.
   * @throws RpcError that says what is wrong with the body: `INVALID_ARGUMENT` for a request, `DATA_LOSS` for a reply;
   * `UNIMPLEMENTED` for an encoding that is not one of these, or another AMQP 1.0 value
   */
  bytes(): Buffer {
    this.#decoded ??= this.#decode();
    return this.#decoded;
  }

  /**
   * {@link bytes} as text, with any content type.
   * @throws RpcError as `bytes()` does, also if they are not UTF-8
   */
  text(): string {
    const bytes = this.bytes();
    if (!isUtf8(bytes)) throw this.#unreadable('is not text in UTF-8');
    return bytes.toString();
  }

  /**
   * The value that {@link text} is as JSON, with any content type.
   * @throws RpcError as `text()` does, also if it is not JSON
   */
  json(): unknown {
    const text = this.text();
    try {
      return JSON.parse(text) as unknown;
    } catch (cause) {
      throw this.#unreadable(`is not JSON: ${(cause as Error).message}`, cause);
    }
  }

  #decode(): Buffer {
    const plain = this.#decompress();
    if (this.type !== AMQP_1_0) return plain;
    const value = decodeAmqpValue(plain);
    if (typeof value !== 'string') return value;
    throw this.#error('UNIMPLEMENTED', 'UNSUPPORTED_AMQP_1_0', `${value}; send a data section, or a string`);
  }

  #decompress(): Buffer {
    const encoding = this.contentEncoding?.trim().toLowerCase() ?? '';
    if (PLAIN.test(encoding)) return this.body;
    const zlib = process.getBuiltinModule('node:zlib'); // takes a millisecond to load, and few need it
    const decoders: Readonly<Record<string, typeof zlib.gunzipSync>> = {
      gzip: zlib.gunzipSync,
      'x-gzip': zlib.gunzipSync,
      // RFC 1950 has a header, whose first four bits are 8; some send RFC 1951 without
      deflate: ((this.body[0] ?? 0) & 0x0f) === 8 ? zlib.inflateSync : zlib.inflateRawSync,
      br: zlib.brotliDecompressSync,
    };
    const decode = Object.hasOwn(decoders, encoding) ? decoders[encoding] : undefined;
    if (!decode) {
      const named = JSON.stringify(encoding.slice(0, 40));
      const advice = `has the content encoding ${named}; gzip, deflate and br are understood`;
      throw this.#error('UNIMPLEMENTED', 'UNSUPPORTED_ENCODING', advice);
    }
    const limit = Math.min(this.#maxBytes, constants.MAX_LENGTH);
    try {
      const plain = decode(this.body, { maxOutputLength: Math.max(1, limit) }) as Buffer;
      if (plain.length <= limit) return plain;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE')
        throw this.#unreadable(`can't be decompressed (${encoding}): ${(cause as Error).message}`, cause);
    }
    const code = this.#of === 'request' ? 'INVALID_ARGUMENT' : 'RESOURCE_EXHAUSTED';
    throw this.#error(code, 'TOO_LARGE', `has more than ${limit} bytes once it is decompressed (${encoding})`);
  }

  #unreadable(what: string, cause?: unknown): RpcError {
    return this.#error(this.#of === 'request' ? 'INVALID_ARGUMENT' : 'DATA_LOSS', 'UNREADABLE', what, cause);
  }

  #error(code: RpcErrorCode, reason: RpcErrorReason, what: string, cause?: unknown): RpcError {
    return new RpcError(code, `the ${this.#of} ${what}`, { reason, cause });
  }
}
