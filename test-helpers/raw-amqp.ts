import { once } from 'node:events';
import net from 'node:net';
import { amqpUrl } from './broker.ts';

/** An unsigned integer of `bytes` bytes. */
export const int = (bytes: number, value: number): Buffer => {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, bytes > 6 ? bytes - 6 : 0, Math.min(bytes, 6));
  return buffer;
};
/** A short string: its length in one byte. */
export const short = (text: string | Buffer): Buffer => {
  const octets = Buffer.from(text);
  return Buffer.concat([int(1, octets.length), octets]);
};
/** A long string: its length in four bytes. */
export const long = (octets: Buffer): Buffer => Buffer.concat([int(4, octets.length), octets]);
/** A frame of any type (AMQP 0-9-1, 2.3.5). */
export const frame = (type: number, channel: number, payload: Buffer): Buffer =>
  Buffer.concat([int(1, type), int(2, channel), int(4, payload.length), payload, int(1, 0xce)]);
/** A frame that carries a method. */
export const method = (channel: number, classId: number, methodId: number, ...args: Buffer[]): Buffer =>
  frame(1, channel, Buffer.concat([int(2, classId), int(2, methodId), ...args]));

/** A field of an AMQP table: a name, a one-letter type and the octets of its value, which may be any. */
export function field(name: string, type: string, value: Buffer): Buffer {
  return Buffer.concat([short(name), Buffer.from(type, 'latin1'), value]);
}

/** An AMQP table inside another table. */
export const table = (fields: Buffer): Buffer => long(fields);

/** The properties that a raw publisher may give a message. */
export interface RawProperties {
  readonly contentType?: string;
  /** The octets inside the header table. */
  readonly headers?: Buffer;
  readonly correlationId?: Buffer;
  readonly replyTo?: Buffer;
}

/**
 * Publishes one message by hand-written AMQP 0-9-1 frames, octet for octet, and resolves when the broker has taken it
 * (it closed the channel in order). Rejects with the broker's words if it did not.
 */
export async function publishRaw(
  queue: string,
  body: string,
  properties: RawProperties,
  broker = amqpUrl(),
): Promise<void> {
  const url = new URL(broker);
  const socket = net.connect(Number(url.port) || 5672, url.hostname);
  const received: Buffer[] = [];
  socket.on('data', (data) => received.push(data));
  await once(socket, 'connect');
  const { contentType, headers, correlationId, replyTo } = properties;
  const given: (readonly [number, Buffer])[] = [];
  if (contentType !== undefined) given.push([0x8000, short(contentType)]);
  if (headers !== undefined) given.push([0x2000, long(headers)]);
  if (correlationId !== undefined) given.push([0x0400, short(correlationId)]);
  if (replyTo !== undefined) given.push([0x0200, short(replyTo)]);
  const flags = given.reduce((sum, [flag]) => sum | flag, 0);
  const content = Buffer.from(body);
  const login = Buffer.from(`\0${decodeURIComponent(url.username)}\0${decodeURIComponent(url.password)}`);
  // everything at once: the broker answers in its own time, and its last answer is the one that counts
  socket.write(Buffer.from('AMQP\0\0\x09\x01', 'latin1'));
  socket.write(method(0, 10, 11, long(Buffer.alloc(0)), short('PLAIN'), long(login), short('en_US')));
  socket.write(method(0, 10, 31, int(2, 2047), int(4, 131_072), int(2, 0)));
  socket.write(method(0, 10, 40, short(decodeURIComponent(url.pathname.slice(1)) || '/'), short(''), int(1, 0)));
  socket.write(method(1, 20, 10, short('')));
  socket.write(method(1, 60, 40, int(2, 0), short(''), short(queue), int(1, 0)));
  const header = [int(2, 60), int(2, 0), int(8, content.length), int(2, flags), ...given.map(([, octets]) => octets)];
  socket.write(frame(2, 1, Buffer.concat(header)));
  if (content.length > 0) socket.write(frame(3, 1, content));
  socket.write(method(1, 20, 40, int(2, 200), short(''), int(2, 0), int(2, 0)));
  const channelClosed = method(1, 20, 41);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.on('data', () => {
        const all = Buffer.concat(received);
        if (all.includes(channelClosed)) resolve();
        else if (all.includes(Buffer.from([0, 10, 0, 50])) || all.includes(Buffer.from([0, 20, 0, 40]))) {
          reject(
            new Error(
              all
                .subarray(-200)
                .toString('latin1')
                .replace(/[^ -~]+/g, ' '),
            ),
          );
        }
      });
      socket.on('close', () => reject(new Error('the broker closed the connection')));
      socket.on('error', reject);
    });
  } finally {
    socket.destroy();
  }
}
