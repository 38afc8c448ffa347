import { FRAME_OVERHEAD, frameType, method, property } from './protocol.ts';

/** The listener of a reader. It is told of a message when all of it is there. */
export interface FrameListener {
  /** A method without content; `payload` begins with its class and its id. */
  onMethod(channel: number, id: number, payload: Buffer): void;
  /** A delivery. Its properties are octet for octet (latin1), empty where there is none. */
  onDelivery(body: Buffer, correlationId: string, replyTo: string, deliveryTag: number): void;
  /** A mandatory message that no queue took. */
  onReturn(correlationId: string, why: string): void;
}

/** The octets of a frame before its payload: type, channel, size. */
const FRAME_HEADER = FRAME_OVERHEAD - 1;

const NOTHING: Buffer = Buffer.alloc(0);

/** The message that a channel is receiving. */
class Message {
  deliveryTag = 0;
  /** Why it was returned; undefined for a delivery. */
  returned: string | undefined;
  correlationId = '';
  replyTo = '';
  size = 0;
  /** The body, as far as it is there, if it comes in more than one piece. */
  body = NOTHING;
  received = 0;
}

/**
 * Splits what the broker sends into methods and messages. It believes everything: no size and no end octet is checked. A
 * body that arrives in pieces is put together in one Buffer of its size, each octet copied once.
 */
export class FrameReader {
  readonly #listener: FrameListener;
  /** By channel. */
  readonly #messages: Message[] = [];
  /** The beginning of a frame whose end is still to come; never that of a body. */
  #rest = NOTHING;
  /** The message that the current piece belongs to, and what is to come of its frame, end octet included. */
  #current = new Message();
  #frameLeft = 0;

  constructor(listener: FrameListener) {
    this.#listener = listener;
  }

  read(data: Buffer): void {
    let at = this.#frameLeft > 0 ? this.#piece(data, 0) : 0;
    const b = this.#rest.length > 0 ? Buffer.concat([this.#rest, data]) : data;
    while (b.length - at >= FRAME_HEADER) {
      const type = b[at];
      const channel = b.readUInt16BE(at + 1);
      const size = b.readUInt32BE(at + 3);
      const from = at + FRAME_HEADER;
      const end = from + size;
      if (type === frameType.body) {
        const message = this.#message(channel);
        if (size === message.size && end < b.length) {
          this.#tell(message, b.subarray(from, end)); // all of it at once, as nearly always
          at = end + 1;
        } else {
          this.#current = message;
          this.#frameLeft = size + 1;
          at = this.#piece(b, from);
        }
        continue;
      }
      if (end >= b.length) break;
      if (type === frameType.method) this.#method(channel, b.subarray(from, end));
      else if (type === frameType.header) this.#header(this.#message(channel), b.subarray(from, end));
      at = end + 1;
    }
    this.#rest = at < b.length ? b.subarray(at) : NOTHING;
  }

  #message(channel: number): Message {
    const known = this.#messages[channel];
    if (known) return known;
    const message = new Message();
    this.#messages[channel] = message;
    return message;
  }

  /** Takes what there is of a body frame's payload and end octet; gives where it ends. */
  #piece(data: Buffer, from: number): number {
    const message = this.#current;
    if (message.body === NOTHING) message.body = Buffer.allocUnsafe(message.size);
    const taken = Math.min(this.#frameLeft, data.length - from);
    const octets = Math.min(taken, this.#frameLeft - 1);
    data.copy(message.body, message.received, from, from + octets);
    message.received += octets;
    this.#frameLeft -= taken;
    if (this.#frameLeft === 0 && message.received === message.size) {
      const { body } = message;
      message.body = NOTHING;
      message.received = 0;
      this.#tell(message, body);
    }
    return from + taken;
  }

  #method(channel: number, payload: Buffer): void {
    const id = payload.readUInt32BE(0);
    if (id === method.basicDeliver) {
      const message = this.#message(channel);
      const tag = 5 + (payload[4] ?? 0);
      message.deliveryTag = payload.readUInt32BE(tag) * 2 ** 32 + payload.readUInt32BE(tag + 4);
      message.returned = undefined;
    } else if (id === method.basicReturn) {
      this.#message(channel).returned = closeText(payload);
    } else {
      this.#listener.onMethod(channel, id, payload);
    }
  }

  #header(message: Message, payload: Buffer): void {
    message.size = payload.readUInt32BE(4) * 2 ** 32 + payload.readUInt32BE(8);
    const flags = payload.readUInt16BE(12);
    let at = 14;
    const text = () => {
      const from = at + 1;
      at = from + (payload[at] ?? 0);
      return payload.toString('latin1', from, at);
    };
    if (flags & property.contentType) at += 1 + (payload[at] ?? 0);
    if (flags & property.contentEncoding) at += 1 + (payload[at] ?? 0);
    if (flags & property.headers) at += 4 + payload.readUInt32BE(at);
    if (flags & property.deliveryMode) at++;
    if (flags & property.priority) at++;
    message.correlationId = flags & property.correlationId ? text() : '';
    message.replyTo = flags & property.replyTo ? text() : '';
    if (message.size === 0) this.#tell(message, NOTHING);
  }

  #tell({ returned, correlationId, replyTo, deliveryTag }: Message, body: Buffer): void {
    if (returned !== undefined) this.#listener.onReturn(correlationId, returned);
    else this.#listener.onDelivery(body, correlationId, replyTo, deliveryTag);
  }
}

/** The broker's text in a connection.close, a channel.close or a basic.return: `404 NOT_FOUND - no queue …`. */
export function closeText(payload: Buffer): string {
  return `${payload.readUInt16BE(4)} ${payload.toString('utf8', 7, 7 + (payload[6] ?? 0))}`;
}
