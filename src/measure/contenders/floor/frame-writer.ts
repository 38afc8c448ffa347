import { FRAME_END, FRAME_OVERHEAD, frameType } from './protocol.ts';

/** The size of the slabs that frames are written into, one after the other, in bytes. */
const SLAB = 65_536;

/** No method and no header of ours is longer: names have 255 octets at most, and a method has few of them. */
const LONGEST_METHOD = 4_096;

/** A body up to this size is copied to between its frames; a longer one goes to the socket as it is. */
const COPIED_BODY = 8_192;

/**
 * Writes frames into memory, without a Buffer for each of them: they share slabs, of which `take()` gives away what was
 * written since the last time. A method, or a header, is that, its fields, and `end`.
 */
export class FrameWriter {
  /** The channel of what is written next. */
  channel = 0;
  /** The largest frame that the broker takes, in bytes; no limit until it is known. */
  frameMax = Number.POSITIVE_INFINITY;
  #slab = Buffer.allocUnsafeSlow(SLAB);
  /** Offsets: of what nobody took yet, of the current frame, and of the next octet. */
  #untaken = 0;
  #frame = 0;
  #at = 0;
  #parts: Buffer[] = [];

  /** True if nothing was written since the last `take()`. */
  get empty(): boolean {
    return this.#at === this.#untaken && this.#parts.length === 0;
  }

  /** Gives away what was written, in order. */
  take(): readonly Buffer[] {
    this.#cut();
    const parts = this.#parts;
    this.#parts = [];
    return parts;
  }

  /** Octets that are no frame: the protocol header. */
  raw(octets: Buffer): void {
    this.#cut();
    this.#parts.push(octets);
  }

  method(id: number): this {
    this.#begin(frameType.method, LONGEST_METHOD);
    return this.uint32(id);
  }

  /** A content header of class basic: https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf, 4.2.6.1 */
  header(bodySize: number, properties: number): this {
    this.#begin(frameType.header, LONGEST_METHOD);
    return this.uint16(60).uint16(0).uint64(bodySize).uint16(properties);
  }

  /** A body, in as many frames as it takes: none if it is empty. */
  body(body: Buffer): void {
    const size = this.frameMax - FRAME_OVERHEAD;
    for (let from = 0; from < body.length; from += size) {
      const part = body.length <= size ? body : body.subarray(from, from + size);
      if (part.length <= COPIED_BODY) {
        this.#begin(frameType.body, part.length + FRAME_OVERHEAD);
        part.copy(this.#slab, this.#at);
        this.#at += part.length;
        this.end();
      } else {
        this.#begin(frameType.body, FRAME_OVERHEAD);
        this.#slab.writeUInt32BE(part.length, this.#frame + 3);
        this.#cut();
        this.#parts.push(part);
        this.uint8(FRAME_END);
      }
    }
  }

  uint8(value: number): this {
    this.#slab[this.#at++] = value;
    return this;
  }

  uint16(value: number): this {
    this.#at = this.#slab.writeUInt16BE(value, this.#at);
    return this;
  }

  uint32(value: number): this {
    this.#at = this.#slab.writeUInt32BE(value, this.#at);
    return this;
  }

  /** Exact up to 2^53. */
  uint64(value: number): this {
    return this.uint32(Math.floor(value / 2 ** 32)).uint32(value >>> 0);
  }

  /** A short string, of latin1 characters: what came in goes out octet for octet. */
  text(value: string): this {
    const length = this.#slab.write(value, this.#at + 1, 255, 'latin1');
    this.#slab[this.#at] = length;
    this.#at += 1 + length;
    return this;
  }

  /** Octets that have their AMQP form already. */
  octets(octets: Buffer): this {
    this.#at += octets.copy(this.#slab, this.#at);
    return this;
  }

  end(): void {
    this.#slab.writeUInt32BE(this.#at - this.#frame - FRAME_OVERHEAD + 1, this.#frame + 3);
    this.uint8(FRAME_END);
  }

  #begin(type: number, room: number): void {
    if (this.#at + room > SLAB) {
      this.#cut();
      this.#slab = Buffer.allocUnsafeSlow(SLAB);
      this.#untaken = this.#at = 0;
    }
    this.#frame = this.#at;
    this.uint8(type).uint16(this.channel);
    this.#at += 4; // the size, once it is known
  }

  #cut(): void {
    if (this.#at > this.#untaken) this.#parts.push(this.#slab.subarray(this.#untaken, this.#at));
    this.#untaken = this.#at;
  }
}
