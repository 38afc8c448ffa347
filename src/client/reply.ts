import { type BodyMessage, MAX_BODY_BYTES, ReceivedBody } from '../protocol/body.ts';

/** A reply: what a call resolves to. The worker that answered may have put anything into it. */
export interface RpcReply {
  /** The body as it came. */
  readonly body: Buffer;
  /** Its `content_type`; undefined where the worker gave none. */
  readonly contentType: string | undefined;
  /** Its `content_encoding`, such as `gzip`; undefined where there was none. */
  readonly contentEncoding: string | undefined;
  /** Its headers, an object without any where there were none. */
  readonly headers: Readonly<Record<string, unknown>>;
  /**
   * The body without compression: gzip, deflate and br are undone, up to 16 MiB. Of a single value of AMQP 1.0 it is the
   * string, the binary or the digits of the whole number.
   * @throws RpcError that names another encoding, or says what is wrong
   */
  bytes(): Buffer;
  /**
   * `bytes()` as text, with any content type.
   * @throws RpcError as `bytes()` does, or if it is not UTF-8
   */
  text(): string;
  /**
   * The value that `text()` is as JSON, with any content type.
   * @throws RpcError as `text()` does, or if it is not JSON
   */
  json(): unknown;
}

/** A reply that was delivered. */
export class DeliveredReply extends ReceivedBody implements RpcReply {
  readonly headers: Readonly<Record<string, unknown>>;

  constructor(message: BodyMessage & { readonly headers?: Readonly<Record<string, unknown>> | null | undefined }) {
    super(message, 'reply', MAX_BODY_BYTES);
    this.headers = message.headers ?? {};
  }
}
