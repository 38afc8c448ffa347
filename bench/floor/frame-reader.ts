import { FRAME_OVERHEAD, frameType, method, property } from './protocol.ts';

/** What is read. A message is told when all of it is there. */
export interface FrameListener {
  /** A method without content; `payload` begins with its class and its id. */
  onMethod(id: number, payload: Buffer): void;
  /** A delivery. Its properties are octet for octet (latin1), empty where there is none. */
  onDelivery(body: Buffer, correlationId: string, replyTo: string, deliveryTag: number): void;
  /** A mandatory message that no queue took. */
  onReturn(correlationId: string, why: string): void;
}

const NOTHING: Buffer = Buffer.alloc(0);

/**
 * Splits what the broker sends into methods and messages. It believes everything: no size, no channel and no end octet is
 * checked. A body whose frames arrive in pieces is put together in one Buffer of its size, each octet copied once.
 */
export class FrameReader {
  readonly #listener: FrameListener;
  /** The beginning of a frame whose end is still to come; never that of a body. */
  #rest = NOTHING;
  #deliveryTag = 0;
  /** Why the message to come was returned; undefined for a delivery. */
  #returned: string | undefined;
  #correlationId = '';
  #replyTo = '';
  #bodySize = 0;
  /** The body, as far as it is there, if it is in more than one piece. */
  #body = NOTHING;
  #bodyAt = 0;
  /** What is still to come of the current body frame, its end octet included; 0 between frames. */
  #frameLeft = 0;

  constructor(listener: FrameListener) {
    this.#listener = listener;
  }

  read(data: Buffer): void {
    let at = this.#frameLeft > 0 ? this.#piece(data, 0) : 0;
    const b = this.#rest.length > 0 ? Buffer.concat([this.#rest, data]) : data;
    while (b.length - at >= FRAME_OVERHEAD - 1) {
      const size = b.readUInt32BE(at + 3);
      const end = at + 7 + size;
      if (b[at] === frameType.body && !(size === this.#bodySize && end < b.length)) {
        this.#frameLeft = size + 1;
        at = this.#piece(b, at + 7);
        continue;
      }
      if (end >= b.length) break;
      const payload = b.subarray(at + 7, end);
      if (b[at] === frameType.method) this.#method(payload);
      else if (b[at] === frameType.header) this.#header(payload);
      else if (b[at] === frameType.body) this.#message(payload); // all of it, as nearly always
      at = end + 1;
    }
    this.#rest = at < b.length ? b.subarray(at) : NOTHING;
  }

  /** Takes what there is of a body frame's payload and end octet; gives where it ends. */
  #piece(data: Buffer, from: number): number {
    if (this.#body === NOTHING) this.#body = Buffer.allocUnsafe(this.#bodySize);
    const taken = Math.min(this.#frameLeft, data.length - from);
    const octets = Math.min(taken, this.#frameLeft - 1);
    data.copy(this.#body, this.#bodyAt, from, from + octets);
    this.#bodyAt += octets;
    this.#frameLeft -= taken;
    if (this.#frameLeft === 0 && this.#bodyAt === this.#bodySize) {
      const body = this.#body;
      this.#body = NOTHING;
      this.#bodyAt = 0;
      this.#message(body);
    }
    return from + taken;
  }

  #method(payload: Buffer): void {
    const id = payload.readUInt32BE(0);
    if (id === method.basicDeliver) {
      const tag = 5 + (payload[4] ?? 0);
      this.#deliveryTag = payload.readUInt32BE(tag) * 2 ** 32 + payload.readUInt32BE(tag + 4);
      this.#returned = undefined;
    } else if (id === method.basicReturn) {
      this.#returned = closeText(payload);
    } else {
      this.#listener.onMethod(id, payload);
    }
  }

  #header(payload: Buffer): void {
    this.#bodySize = payload.readUInt32BE(4) * 2 ** 32 + payload.readUInt32BE(8);
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
    this.#correlationId = flags & property.correlationId ? text() : '';
    this.#replyTo = flags & property.replyTo ? text() : '';
    if (this.#bodySize === 0) this.#message(NOTHING);
  }

  #message(body: Buffer): void {
    if (this.#returned !== undefined) this.#listener.onReturn(this.#correlationId, this.#returned);
    else this.#listener.onDelivery(body, this.#correlationId, this.#replyTo, this.#deliveryTag);
  }
}

/** What the broker says in a connection.close, a channel.close or a basic.return: `404 NOT_FOUND - no queue …`. */
export function closeText(payload: Buffer): string {
  return `${payload.readUInt16BE(4)} ${payload.toString('utf8', 7, 7 + (payload[6] ?? 0))}`;
}
