import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import { amqpUrl } from './broker.ts';
import { frame, int, long, method, short } from './raw-amqp.ts';

/** The properties of a message (AMQP 0-9-1, 1.8.1): the flag, and how the octets go onto the wire. */
const properties = {
  contentType: [0x8000, short],
  contentEncoding: [0x4000, short],
  headers: [0x2000, long],
  deliveryMode: [0x1000, (octets: Buffer) => octets],
  priority: [0x0800, (octets: Buffer) => octets],
  correlationId: [0x0400, short],
  replyTo: [0x0200, short],
  expiration: [0x0100, short],
  messageId: [0x0080, short],
  timestamp: [0x0040, (octets: Buffer) => octets],
  type: [0x0020, short],
  userId: [0x0010, short],
  appId: [0x0008, short],
  clusterId: [0x0004, short],
} as const satisfies Record<string, readonly [flag: number, encode: (octets: Buffer) => Buffer]>;

/** A message as it goes onto the wire: every property's octets, which may be any. */
export interface RawMessage {
  readonly body: Uint8Array;
  readonly properties: Readonly<Partial<Record<keyof typeof properties, Uint8Array | undefined>>>;
  /** ORed to the property flags; the lowest bits mean nothing, or that more flags follow. */
  readonly flags?: number;
}

const FRAME_MAX = 131_072;
const ACK = [60, 80];
const CHANNEL_CLOSE = [20, 40];
const CONNECTION_CLOSE = [10, 50];

/** Publishes messages octet for octet, one after the other, each confirmed by the broker. */
export class RawPublisher {
  readonly #url: URL;
  #socket: Socket | undefined;
  #received = Buffer.alloc(0);
  #onOutcome: (refusal: string | undefined) => void = () => {};

  constructor(broker = amqpUrl()) {
    this.#url = new URL(broker);
  }

  /** Resolves to undefined once the broker has taken the message, or to the broker's words if it refuses it. */
  async publish(queue: string, message: RawMessage): Promise<string | undefined> {
    const socket = this.#socket ?? (await this.#open());
    const outcome = new Promise<string | undefined>((resolve) => {
      this.#onOutcome = resolve;
    });
    const given = Object.entries(properties).flatMap(([name, [flag, encode]]) => {
      const octets = message.properties[name as keyof typeof properties];
      return octets === undefined ? [] : [[flag, encode(Buffer.from(octets))] as const];
    });
    const flags = given.reduce((sum, [flag]) => sum | flag, message.flags ?? 0);
    const body = Buffer.from(message.body);
    const header = [int(2, 60), int(2, 0), int(8, body.length), int(2, flags), ...given.map(([, octets]) => octets)];
    const frames = [
      method(1, 60, 40, int(2, 0), short(''), short(queue), int(1, 0)),
      frame(2, 1, Buffer.concat(header)),
    ];
    for (let at = 0; at < body.length; at += FRAME_MAX - 8)
      frames.push(frame(3, 1, body.subarray(at, at + FRAME_MAX - 8)));
    socket.write(Buffer.concat(frames));
    const refusal = await outcome;
    if (refusal !== undefined) this.close();
    return refusal;
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  async #open(): Promise<Socket> {
    const { hostname, port, username, password, pathname } = this.#url;
    const socket = net.connect(Number(port) || 5672, hostname.replace(/^\[(.*)\]$/, '$1'));
    this.#received = Buffer.alloc(0);
    socket.on('data', (data) => this.#read(data));
    socket.on('close', () => {
      if (this.#socket === socket) this.#onOutcome('the broker closed the connection');
    });
    socket.on('error', () => {});
    await once(socket, 'connect');
    const login = Buffer.from(`\0${decodeURIComponent(username)}\0${decodeURIComponent(password)}`);
    // the broker answers in its own time; only what it says of a message counts
    socket.write(Buffer.from('AMQP\0\0\x09\x01', 'latin1'));
    socket.write(method(0, 10, 11, long(Buffer.alloc(0)), short('PLAIN'), long(login), short('en_US')));
    socket.write(method(0, 10, 31, int(2, 2047), int(4, FRAME_MAX), int(2, 0)));
    socket.write(method(0, 10, 40, short(decodeURIComponent(pathname.slice(1)) || '/'), short(''), int(1, 0)));
    socket.write(method(1, 20, 10, short('')));
    socket.write(method(1, 85, 10, int(1, 0))); // confirm.select
    this.#socket = socket;
    return socket;
  }

  #read(data: Buffer): void {
    this.#received = Buffer.concat([this.#received, data]);
    while (this.#received.length >= 7) {
      const end = 8 + this.#received.readUInt32BE(3);
      if (this.#received.length < end) return;
      const [type, payload] = [this.#received[0], this.#received.subarray(7, end - 1)];
      this.#received = this.#received.subarray(end);
      if (type !== 1) continue;
      const id = [payload.readUInt16BE(0), payload.readUInt16BE(2)];
      const is = (other: readonly number[]) => id.every((part, n) => part === other[n]);
      if (is(ACK)) this.#onOutcome(undefined);
      else if (is(CHANNEL_CLOSE) || is(CONNECTION_CLOSE)) {
        this.#onOutcome(payload.toString('latin1', 7, 7 + (payload[6] ?? 0)).replace(/[^ -~]+/g, '?'));
      }
    }
  }
}
