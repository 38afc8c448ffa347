import { AmqpError, frameError, unexpectedFrame } from './amqp-error.ts';
import type { Delivery, ReceivedMessage, ReturnedMessage } from './channel.ts';
import { type FieldTable, readTable } from './field-table.ts';
import type { BodySink } from './frame-reader.ts';
import { isOnlyCancelHeader, ONLY_CANCEL_HEADER } from './known-table.ts';

/** The bits that say which properties a content header has: AMQP 0-9-1, 4.2.6.1. */
export const property = {
  contentType: 0x8000,
  contentEncoding: 0x4000,
  headers: 0x2000,
  deliveryMode: 0x1000,
  priority: 0x0800,
  correlationId: 0x0400,
  replyTo: 0x0200,
  expiration: 0x0100,
  messageId: 0x0080,
  timestamp: 0x0040,
  type: 0x0020,
  userId: 0x0010,
  appId: 0x0008,
} as const;

const NOTHING = Buffer.alloc(0);

/** A message that is being received. All that may come is named here, so that every one has the same shape. */
class IncomingMessage implements ReceivedMessage {
  readonly exchange: string;
  readonly routingKey: string;
  contentType: string | undefined = undefined;
  contentEncoding: string | undefined = undefined;
  headers: FieldTable | null | undefined = undefined;
  deliveryMode: number | undefined = undefined;
  priority: number | undefined = undefined;
  correlationId: string | undefined = undefined;
  replyTo: string | undefined = undefined;
  expiration: string | undefined = undefined;
  messageId: string | undefined = undefined;
  timestamp: number | undefined = undefined;
  type: string | undefined = undefined;
  userId: string | undefined = undefined;
  appId: string | undefined = undefined;
  body: Buffer = NOTHING;
  bodySize = 0;

  constructor(exchange: string, routingKey: string) {
    this.exchange = exchange;
    this.routingKey = routingKey;
  }
}

/** One that is delivered. */
export class IncomingDelivery extends IncomingMessage implements Delivery {
  readonly consumerTag: string;
  readonly deliveryTag: number;
  readonly redelivered: boolean;

  constructor(consumerTag: string, deliveryTag: number, redelivered: boolean, exchange: string, routingKey: string) {
    super(exchange, routingKey);
    this.consumerTag = consumerTag;
    this.deliveryTag = deliveryTag;
    this.redelivered = redelivered;
  }
}

/** One that comes back. */
export class IncomingReturn extends IncomingMessage implements ReturnedMessage {
  readonly replyCode: number;
  readonly replyText: string;
  headerTable: Buffer | undefined = undefined;

  constructor(replyCode: number, replyText: string, exchange: string, routingKey: string) {
    super(exchange, routingKey);
    this.replyCode = replyCode;
    this.replyText = replyText;
  }
}

/** One that was asked for. */
export class IncomingAnswer extends IncomingMessage {
  readonly deliveryTag: number;
  readonly redelivered: boolean;

  constructor(deliveryTag: number, redelivered: boolean, exchange: string, routingKey: string) {
    super(exchange, routingKey);
    this.deliveryTag = deliveryTag;
    this.redelivered = redelivered;
  }
}

/** A message that is complete. */
export type CompleteMessage = IncomingDelivery | IncomingReturn | IncomingAnswer;

/**
 * Puts together the message that a channel receives: a method, a content header, and a body of as many octets as the header
 * announces, in frames of any size. Anything else ends the connection: what follows would be taken for something else.
 */
export class MessageReader implements BodySink {
  readonly #maxBodyBytes: number;
  readonly #onMessage: (message: CompleteMessage) => void;
  #message: CompleteMessage | undefined;
  #headerRead = false;
  /** Octets of the body that are to come, and whether they are kept. */
  #left = 0;
  #kept = false;

  /** Deliveries with a longer body than `maxBodyBytes` come without it. */
  constructor(maxBodyBytes: number, onMessage: (message: CompleteMessage) => void) {
    this.#maxBodyBytes = maxBodyBytes;
    this.#onMessage = onMessage;
  }

  /** Whether a message has begun and is not complete: no other method may come now. */
  get busy(): boolean {
    return this.#message !== undefined;
  }

  begin(message: CompleteMessage): void {
    this.#message = message;
    this.#headerRead = false;
  }

  /** A content header, from `start` to `end`. */
  header(octets: Buffer, start: number, end: number): void {
    const message = this.#message;
    if (!message || this.#headerRead) throw unexpectedFrame('a content header without a message');
    this.#headerRead = true;
    readProperties(message, octets, start, end);
    this.#left = message.bodySize;
    this.#kept = !(message instanceof IncomingDelivery && message.bodySize > this.#maxBodyBytes);
    if (this.#left === 0) this.#complete(message);
  }

  /** Begins a body frame of `size` octets. */
  bodyFrame(size: number): this {
    if (!this.#message || !this.#headerRead) throw unexpectedFrame('a body without a content header');
    if (size === 0) throw frameError('an empty body frame');
    if (size > this.#left) throw frameError(`a body is longer than the ${this.#message.bodySize} bytes announced`);
    return this;
  }

  take(octets: Buffer, start: number, end: number): void {
    const message = this.#message;
    if (!message) return;
    if (this.#kept) {
      if (message.body === NOTHING) message.body = Buffer.allocUnsafe(message.bodySize);
      octets.copy(message.body, message.bodySize - this.#left, start, end);
    }
    this.#left -= end - start;
  }

  frameEnd(): void {
    if (this.#left === 0 && this.#message) this.#complete(this.#message);
  }

  #complete(message: CompleteMessage): void {
    this.#message = undefined;
    this.#onMessage(message);
  }
}

/** The content type of the last message: the next one mostly has the same. */
let lastContentType = '';

/** The properties in a content header. Short strings are kept octet for octet: the spec gives them no character set. */
function readProperties(message: IncomingMessage, octets: Buffer, start: number, end: number): void {
  if (end - start < 14) throw frameError('a content header is too short');
  message.bodySize = readUInt64(octets, start + 4);
  const bits = octets.readUInt16BE(start + 12);
  let at = start + 14;
  if (bits & property.contentType) {
    message.contentType = lastContentType = textAt(octets, at, lastContentType);
    at = behind(octets, at);
  }
  if (bits & property.contentEncoding) {
    message.contentEncoding = textAt(octets, at);
    at = behind(octets, at);
  }
  if (bits & property.headers) {
    const from = at;
    at = from + 4 + octets.readUInt32BE(from);
    message.headers = at <= end ? headersFrom(octets, from, at) : undefined;
    if (message instanceof IncomingReturn) message.headerTable = Buffer.from(octets.subarray(from, at));
  }
  if (bits & property.deliveryMode) message.deliveryMode = octets[at++];
  if (bits & property.priority) message.priority = octets[at++];
  if (bits & property.correlationId) {
    message.correlationId = textAt(octets, at);
    at = behind(octets, at);
  }
  if (bits & property.replyTo) {
    message.replyTo = textAt(octets, at);
    at = behind(octets, at);
  }
  if (bits & property.expiration) {
    message.expiration = textAt(octets, at);
    at = behind(octets, at);
  }
  if (bits & property.messageId) {
    message.messageId = textAt(octets, at);
    at = behind(octets, at);
  }
  if (bits & property.timestamp) {
    message.timestamp = readUInt64(octets, at);
    at += 8;
  }
  if (bits & property.type) {
    message.type = textAt(octets, at);
    at = behind(octets, at);
  }
  if (bits & property.userId) {
    message.userId = textAt(octets, at);
    at = behind(octets, at);
  }
  if (bits & property.appId) {
    message.appId = textAt(octets, at);
    at = behind(octets, at);
  }
  if (at > end) throw frameError('a content header does not fit into its frame');
}

/** The short string at `at`, one character an octet; `known` itself if it is that. */
function textAt(octets: Buffer, at: number, known = ''): string {
  const start = at + 1;
  const end = behind(octets, at);
  return isText(known, octets, start, end) ? known : octets.toString('latin1', start, end);
}

/** The place right behind the short string at `at`. */
function behind(octets: Buffer, at: number): number {
  return at + 1 + (octets[at] ?? 0);
}

/** Whether the octets from `start` to `end` are this ASCII text: to see that is quicker than to make a string. */
export function isText(text: string, octets: Buffer, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code > 127 || code !== octets[start + index]) return false;
  }
  return true;
}

/**
 * A message's header table. Brokers let through field types that are not known here, and any nesting: such a table is passed
 * over, for an error would end the connection, and the broker would deliver the same message again.
 */
function headersFrom(octets: Buffer, start: number, end: number): FieldTable | null {
  if (isOnlyCancelHeader(octets, start, end)) return ONLY_CANCEL_HEADER;
  try {
    return readTable(octets, start, end);
  } catch (error) {
    if (error instanceof AmqpError) return null;
    throw error;
  }
}

/** A 64-bit number, as two halves: a BigInt would be made, and thrown away, for each message. */
export function readUInt64(octets: Buffer, at: number): number {
  return octets.readUInt32BE(at) * 0x100000000 + octets.readUInt32BE(at + 4);
}
