import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { explainConnectError } from '../amqp/connect-errors.ts';
import type { AmqpUrl } from '../amqp/url.ts';

/** What a broker says about itself. */
export interface ServerIdentity {
  /** As in `RabbitMQ`; empty if it does not say. */
  readonly product: string;
  /** As in `4.0.5`; empty if it does not say. */
  readonly version: string;
  /** What it runs on, as in `Erlang/OTP 27.3`; empty if it does not say. */
  readonly platform: string;
}

// AMQP 0-9-1, 1.4: class and method ids as one number
const START = 0x000a000a;
const START_OK = 0x000a000b;
const TUNE = 0x000a001e;
const TUNE_OK = 0x000a001f;
const OPEN = 0x000a0028;
const OPEN_OK = 0x000a0029;
const CLOSE = 0x000a0032;
const CLOSE_OK = 0x000a0033;
const FRAME_END = 0xce;

/** The codes that rabbitmq-client gives these refusals, for `explainConnectError` (AMQP 0-9-1, 1.2). */
const closeCodes: Readonly<Record<number, string>> = { 403: 'ACCESS_REFUSED', 530: 'NOT_ALLOWED' };

/**
 * Logs in at a broker, opens the virtual host and closes again (AMQP 0-9-1, 2.2.4): to know that it is one and will have
 * us, and which it is, which rabbitmq-client does not tell.
 *
 * @param options.timeout for all of it, in ms; default 5,000
 * @param options.ca for `amqps:`; default Node's own list
 * @throws RpcError that says what to do; the signal's reason if it was aborted
 */
export async function handshake(
  url: AmqpUrl,
  { timeout = 5_000, ca, signal }: { timeout?: number; ca?: Buffer | undefined; signal?: AbortSignal | undefined } = {},
): Promise<ServerIdentity> {
  signal?.throwIfAborted();
  const { hostname: host, port } = url;
  const socket = url.tls
    ? tls.connect({ host, port, ca, servername: net.isIP(host) ? '' : host })
    : net.connect(port, host);
  const timer = setTimeout(() => socket.destroy(coded('CONNECTION_TIMEOUT', 'no answer')), timeout);
  const abort = () => socket.destroy(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  try {
    await once(socket, url.tls ? 'secureConnect' : 'connect');
    return await converse(socket, url);
  } catch (error) {
    throw signal?.aborted ? signal.reason : explainConnectError(error as Error, url);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
    socket.on('error', () => {}).destroy();
  }
}

async function converse(socket: net.Socket, url: AmqpUrl): Promise<ServerIdentity> {
  let identity: ServerIdentity = { product: '', version: '', platform: '' };
  socket.write('AMQP\0\0\u0009\u0001', 'latin1');
  for await (const { method, args } of methods(socket)) {
    if (method === START) {
      const properties = readStrings(args.subarray(6, 6 + args.readUInt32BE(2)));
      const of = (name: string) => properties.get(name) ?? '';
      identity = { product: of('product'), version: of('version'), platform: of('platform') };
      // so that a refused login is answered with a reason, not just a closed socket
      const capability = Buffer.concat([short('authentication_failure_close'), Buffer.from('t\x01')]);
      const client = Buffer.concat([short('capabilities'), Buffer.from('F'), long(capability)]);
      const response = Buffer.from(`\0${url.username}\0${url.password}`);
      send(socket, START_OK, long(client), short('PLAIN'), long(response), short('en_US'));
    } else if (method === TUNE) {
      send(socket, TUNE_OK, args);
      send(socket, OPEN, short(url.vhost), short(''), Buffer.from([0]));
    } else if (method === OPEN_OK) {
      send(socket, CLOSE, Buffer.from([0, 200]), short('bye'), Buffer.alloc(4));
    } else if (method === CLOSE_OK) {
      return identity;
    } else if (method === CLOSE) {
      throw coded(closeCodes[args.readUInt16BE()] ?? 'CONN_CLOSE', args.toString('utf8', 3, 3 + (args[2] ?? 0)));
    }
  }
  throw coded('CONN_CLOSE', 'it closed the connection during the handshake');
}

/** The methods that arrive on a socket, each with its arguments; heartbeats are left out. */
async function* methods(socket: net.Socket): AsyncGenerator<{ method: number; args: Buffer }> {
  let buffer = Buffer.alloc(0);
  for await (const chunk of socket) {
    buffer = Buffer.concat([buffer, chunk as Buffer]);
    // a refused protocol header is answered with `AMQP` and the version to use; other protocols start otherwise
    if (buffer[0] !== 1 && buffer[0] !== 8) throw coded('FRAME_ERROR', 'not AMQP 0-9-1');
    while (buffer.length >= 7 && buffer.length >= 8 + buffer.readUInt32BE(3)) {
      const end = 7 + buffer.readUInt32BE(3);
      if (buffer[end] !== FRAME_END) throw coded('FRAME_ERROR', 'not AMQP 0-9-1');
      if (buffer[0] === 1) yield { method: buffer.readUInt32BE(7), args: buffer.subarray(11, end) };
      buffer = buffer.subarray(end + 1);
    }
  }
}

function coded(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

function send(socket: net.Socket, method: number, ...args: Buffer[]): void {
  const payload = Buffer.concat([Buffer.alloc(4), ...args]);
  payload.writeUInt32BE(method);
  const header = Buffer.from([1, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(payload.length, 3);
  socket.write(Buffer.concat([header, payload, Buffer.from([FRAME_END])]));
}

function short(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

function long(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** The string fields of a field table, as far as it can be read; tables and arrays in it are skipped. */
function readStrings(table: Buffer): Map<string, string> {
  const strings = new Map<string, string>();
  const fixed: Record<string, number> = {
    t: 1,
    b: 1,
    B: 1,
    s: 2,
    u: 2,
    I: 4,
    i: 4,
    l: 8,
    L: 8,
    f: 4,
    d: 8,
    D: 5,
    T: 8,
    V: 0,
  };
  for (let at = 0; at < table.length; ) {
    const nameEnd = at + 1 + (table[at] ?? 0);
    const name = table.toString('utf8', at + 1, nameEnd);
    const type = String.fromCharCode(table[nameEnd] ?? 0);
    at = nameEnd + 1;
    const size = fixed[type] ?? ('SFAx'.includes(type) ? 4 + table.readUInt32BE(at) : undefined);
    if (size === undefined) break;
    if (type === 'S') strings.set(name, table.toString('utf8', at + 4, at + size));
    at += size;
  }
  return strings;
}
