import { frameError } from './amqp-error.ts';

/** The octets before a frame's payload: its type, channel and size. */
export const FRAME_HEADER = 7;

/** The octet behind a frame's payload. */
export const FRAME_END = 0xce;

/** The types of frames. */
export const frameType = { method: 1, header: 2, body: 3, heartbeat: 8 } as const;

/** More than any server sends: the default frame_max is 131,072, and a header frame is a little larger than its tables. */
export const MAX_FRAME_SIZE = 0x1000000;

/** Is told of the frames. A payload lies in `octets` from `start` to `end`, and is valid during the call. */
export interface FrameListener {
  onMethod(channel: number, octets: Buffer, start: number, end: number): void;
  onHeader(channel: number, octets: Buffer, start: number, end: number): void;
  /** A body frame of `size` octets begins; gives what takes them. */
  onBodyFrame(channel: number, size: number): BodySink;
}

/** Takes the octets of body frames. */
export interface BodySink {
  /** The next octets, from `start` to `end`, valid during the call. */
  take(octets: Buffer, start: number, end: number): void;
  /** The frame is complete. */
  frameEnd(): void;
}

/**
 * The type and size of the frame that begins at `at`.
 * @throws AmqpError if it can be none: the first octets of another protocol would be read as an enormous size
 */
export function checkFrame(octets: Buffer, at: number): { type: number; size: number } {
  const type = octets.readUInt8(at);
  const size = octets.readUInt32BE(at + 3);
  const known =
    type === frameType.body || type === frameType.method || type === frameType.header || type === frameType.heartbeat;
  if (!known || size > MAX_FRAME_SIZE) throw frameError('not AMQP 0-9-1');
  return { type, size };
}

/**
 * Takes frames out of chunks, however these are cut. The octets of a body are handed on as they come; of other frames
 * those that do not lie in one chunk are put together first.
 */
export class FrameReader {
  readonly #listener: FrameListener;
  /** The beginning of a frame whose end is still to come: its header, and more once that is complete. */
  #begun = Buffer.alloc(FRAME_HEADER);
  #length = 0;
  /** Takes the body frame that is being read, of which `bodyLeft` octets are to come. */
  #body: BodySink | undefined;
  #bodyLeft = 0;

  constructor(listener: FrameListener) {
    this.#listener = listener;
  }

  /** @throws AmqpError if that is no AMQP, and what the listener throws */
  read(chunk: Buffer): void {
    let at = 0;
    if (this.#length > 0) at = this.#continue(chunk);
    else if (this.#body) at = this.#readBody(this.#body, chunk, 0);
    while (chunk.length - at >= FRAME_HEADER) {
      const { type, size } = checkFrame(chunk, at);
      const start = at + FRAME_HEADER;
      if (type === frameType.body) {
        at = this.#beginBody(chunk, at, size, chunk, start);
      } else {
        const end = start + size;
        if (end >= chunk.length) break;
        this.#frame(type, chunk, at, end);
        at = end + 1;
      }
    }
    if (at < chunk.length) this.#keep(chunk, at);
  }

  #frame(type: number, octets: Buffer, at: number, end: number): void {
    if (octets[end] !== FRAME_END) throw frameError('a frame does not end where it should');
    const channel = octets.readUInt16BE(at + 1);
    if (type === frameType.method) this.#listener.onMethod(channel, octets, at + FRAME_HEADER, end);
    else if (type === frameType.header) this.#listener.onHeader(channel, octets, at + FRAME_HEADER, end);
  }

  /** Reads a body frame whose header stands at `at`, and whose payload begins at `start` of the chunk; gives where it ends. */
  #beginBody(header: Buffer, at: number, size: number, chunk: Buffer, start: number): number {
    this.#bodyLeft = size;
    return this.#readBody(this.#listener.onBodyFrame(header.readUInt16BE(at + 1), size), chunk, start);
  }

  #readBody(body: BodySink, chunk: Buffer, start: number): number {
    const end = Math.min(start + this.#bodyLeft, chunk.length);
    if (end > start) body.take(chunk, start, end);
    this.#bodyLeft -= end - start;
    if (end === chunk.length) {
      this.#body = body;
      return end;
    }
    if (chunk[end] !== FRAME_END) throw frameError('a body frame does not end where it should');
    this.#body = undefined;
    body.frameEnd();
    return end + 1;
  }

  /** Keeps the beginning of a frame. */
  #keep(chunk: Buffer, at: number): void {
    this.#length = chunk.copy(this.#begun, 0, at, at + FRAME_HEADER);
    if (this.#length === FRAME_HEADER) {
      this.#makeRoom();
      this.#length += chunk.copy(this.#begun, FRAME_HEADER, at + FRAME_HEADER);
    }
  }

  /** Goes on with the frame that was begun; gives where it ends in the chunk. */
  #continue(chunk: Buffer): number {
    let at = 0;
    if (this.#length < FRAME_HEADER) {
      at = chunk.copy(this.#begun, this.#length, 0, FRAME_HEADER - this.#length);
      this.#length += at;
      if (this.#length < FRAME_HEADER) return at;
      const { type, size } = checkFrame(this.#begun, 0);
      if (type === frameType.body) {
        this.#length = 0;
        return this.#beginBody(this.#begun, 0, size, chunk, at);
      }
      this.#makeRoom();
    }
    const taken = chunk.copy(this.#begun, this.#length, at);
    this.#length += taken;
    if (this.#length < this.#begun.length) return chunk.length;
    const whole = this.#begun;
    this.#begun = Buffer.alloc(FRAME_HEADER);
    this.#length = 0;
    this.#frame(whole.readUInt8(0), whole, 0, whole.length - 1);
    return at + taken;
  }

  /** Room for all of the frame whose header is there. */
  #makeRoom(): void {
    const { size } = checkFrame(this.#begun, 0);
    const room = Buffer.allocUnsafe(FRAME_HEADER + size + 1);
    this.#begun.copy(room);
    this.#begun = room;
  }
}
