/** An AMQP 0-9-1 frame, or the protocol header that a client begins with. */
export interface Frame {
  readonly kind: 'protocol header' | 'method' | 'header' | 'body' | 'heartbeat';
  readonly channel: number;
  /** The octets between the frame's head and its end octet. */
  readonly payload: Buffer;
  /** All of its octets. */
  readonly size: number;
}

// Section 4.2.3 of the specification, https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf: an octet for the kind, two
// for the channel, four for the payload's size, the payload, an octet that ends it.
const HEAD = 7;
const END = 0xce;

const kinds: Readonly<Record<number, Frame['kind']>> = { 1: 'method', 2: 'header', 3: 'body', 8: 'heartbeat' };

/** The protocol header's first octet, the A of AMQP, is no frame's kind. */
const PROTOCOL_HEADER = 0x41;
const PROTOCOL_HEADER_SIZE = 8;

/** Cuts one direction of a connection into frames, however the network cut it. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  /**
   * The frames that are complete with this chunk.
   * @throws Error if what comes is not AMQP 0-9-1
   */
  read(chunk: Buffer): Frame[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const frames: Frame[] = [];
    for (let frame = this.#first(); frame; frame = this.#first()) {
      frames.push(frame);
      this.#rest = this.#rest.subarray(frame.size);
    }
    return frames;
  }

  #first(): Frame | undefined {
    const rest = this.#rest;
    const [first] = rest;
    if (first === undefined) return undefined;
    if (first === PROTOCOL_HEADER) {
      if (rest.length < PROTOCOL_HEADER_SIZE) return undefined;
      const payload = rest.subarray(0, PROTOCOL_HEADER_SIZE);
      return { kind: 'protocol header', channel: 0, payload, size: PROTOCOL_HEADER_SIZE };
    }
    const kind = kinds[first];
    if (!kind) throw new Error(`expected an AMQP 0-9-1 frame, got one that begins with the octet ${first}`);
    if (rest.length < HEAD) return undefined;
    const size = HEAD + rest.readUInt32BE(3) + 1;
    if (rest.length < size) return undefined;
    if (rest[size - 1] !== END)
      throw new Error(`expected an AMQP 0-9-1 frame, got one that ends with ${rest[size - 1]}`);
    return { kind, channel: rest.readUInt16BE(1), payload: rest.subarray(HEAD, size - 1), size };
  }
}
