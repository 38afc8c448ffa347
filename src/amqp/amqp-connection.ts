import net, { type Socket } from 'node:net';
import { type ConnectionOptions, Connection as LibraryConnection } from 'rabbitmq-client/lib/Connection.js';
import { Cmd, encodeFrame, type MethodFrame, PROTOCOL_HEADER } from 'rabbitmq-client/lib/codec.js';
import { READY_STATE, type Read } from 'rabbitmq-client/lib/util.js';
import { AmqpChannel } from './amqp-channel.ts';
import { AmqpError, frameError, unexpectedFrame } from './amqp-error.ts';
import { type FieldTable, readTable } from './field-table.ts';
import {
  type BodySink,
  checkFrame,
  FRAME_HEADER,
  type FrameListener,
  FrameReader,
  frameType,
  MAX_FRAME_SIZE,
} from './frame-reader.ts';
import { HandOver } from './hand-over.ts';
import { LoginReader } from './login-reader.ts';
import { readArguments } from './method-reader.ts';
import { Outbox, type Sink } from './outbox.ts';

/** Room for what the socket reads at once. */
const READ_ROOM = 0x40000;

/**
 * The octets that are read ahead of what is handed over; then the socket is not read until all of it is. Nothing else bounds what is
 * sent without acks: to whom replies, or cancels, come faster than they are handled, they would fill the memory.
 */
const READ_AHEAD = 0x400000;

/** The text of a long string (4.2.1), one character an octet. */
function longString(octets: Buffer, at: number): string {
  return octets.toString('latin1', at + 4, at + 4 + octets.readUInt32BE(at));
}

/** The octets before the end of a heartbeat frame: its type, channel 0 and size 0 (4.2.7). A payload is read with the octet behind it, so none ends like this. */
const HEARTBEAT = Buffer.from([frameType.heartbeat, 0, 0, 0, 0, 0, 0]);

/** Passes over heartbeats: a broker may send them from `connection.tune-ok` on, and the library takes one in the login for a fault. */
function withoutHeartbeats(read: Read): Read {
  return async (size) => {
    let octets = await read(size);
    while (octets.equals(HEARTBEAT)) {
      await read(1); // the frame's end
      octets = await read(FRAME_HEADER);
    }
    return octets;
  };
}

/**
 * rabbitmq-client's connection, which logs in and keeps the heartbeats. It connects once. What is said goes out in one write for
 * each turn of the event loop, and what comes is read here, once it is logged in.
 *
 * The library's constructor begins to connect, before fields of this class exist: nothing in `_connect` and before the first
 * `await` of `_negotiate` may touch them.
 */
export class AmqpConnection extends LibraryConnection implements FrameListener, Sink {
  /** The broker's account of itself, once it has logged us in. */
  serverProperties: FieldTable = {};
  readonly #channels = new Map<number, AmqpChannel>();
  readonly #outbox = new Outbox(this);
  readonly #handOver = new HandOver((left) => this.#onTurn(left));
  /** The octets that were read since something began to wait to be handed over. */
  #ahead = 0;
  readonly #maxBodyBytes: number;
  /** Called each time that the socket has sent all that it held back. */
  onDrain = (): void => {};

  /** Deliveries with a longer body than `maxBodyBytes` come without it. */
  constructor(options: ConnectionOptions, maxBodyBytes: number) {
    super(options);
    this.#maxBodyBytes = maxBodyBytes;
  }

  /** The largest frame, in octets, as negotiated. */
  get frameMax(): number {
    return this._state.frameMax;
  }

  /** Whether the socket takes what is to be sent. */
  get writable(): boolean {
    return this._socket.writable;
  }

  /** The octets that the socket was given and has not sent yet. */
  get unsent(): number {
    return this._socket.writableLength;
  }

  /** @throws AmqpError CHANNEL_MAX if the broker allows no more channels; else the broker's error, or that of a lost connection */
  async openChannel(): Promise<AmqpChannel> {
    const { readyState, leased, channelMax } = this._state;
    if (readyState !== READY_STATE.OPEN) throw new AmqpError('CLOSING', 'the connection is closed');
    const id = leased.pick();
    if (id > channelMax) throw new AmqpError('CHANNEL_MAX', `all ${channelMax} channels are open`);
    const channel = new AmqpChannel(id, {
      connection: this,
      outbox: this.#outbox,
      handOver: this.#handOver,
      maxBodyBytes: this.#maxBodyBytes,
    });
    leased.set(id, channel);
    this.#channels.set(id, channel);
    channel.once('close', () => {
      leased.delete(id);
      this.#channels.delete(id);
    });
    await channel._invoke(Cmd.ChannelOpen, Cmd.ChannelOpenOK, { rsvp1: '' });
    return channel;
  }

  /** Closes it with its channels, in one round trip. What was said goes out before; what is delivered meanwhile is discarded. */
  override async close(): Promise<void> {
    if (this._state.readyState !== READY_STATE.OPEN) return super.close();
    this.#outbox.flush();
    this._state.readyState = READY_STATE.CLOSING;
    clearInterval(this._state.heartbeatTimer);
    for (const channel of this.#channels.values()) channel.active = false;
    const params = { replyCode: 200, replyText: '', methodId: 0 };
    this._writeMethod({ type: 1, channelId: 0, methodId: Cmd.ConnectionClose, params });
    const socket = this._socket;
    if (!socket.closed) await new Promise<void>((resolve) => socket.once('close', () => resolve()));
  }

  /** Destroys the socket. Of what was said, only what the system takes at once goes out. */
  override unsafeDestroy(): void {
    this.#outbox.flush();
    super.unsafeDestroy();
  }

  /** In place of the library's, which loads TLS in any case, and reconnects for ever. */
  override _connect(): Socket {
    const { hostname: host, port, tls, connectionTimeout } = this._opt;
    const login = new LoginReader();
    let reader: LoginReader | FrameReader = login;
    const read = (octets: Buffer): void => {
      try {
        reader.read(octets);
      } catch (error) {
        socket.destroy(error instanceof Error ? error : new Error(String(error)));
      }
    };
    const room = Buffer.allocUnsafeSlow(READ_ROOM); // for all that is read: what is kept of it is copied
    const callback = (size: number): boolean => {
      this._state.hasRead = true;
      read(room.subarray(0, size));
      this.#ahead = this.#handOver.size > 0 ? this.#ahead + size : 0;
      return this.#ahead <= READ_AHEAD; // else the socket is not read: see #onTurn
    };
    const options = { host, port, onread: { buffer: room, callback } };
    const socket: Socket = tls
      ? process.getBuiltinModule('node:tls').connect({ ...options, ...tls })
      : net.connect(options);
    this._socket = socket.setNoDelay(true); // or Nagle's algorithm holds each request for up to 40 ms
    this._state.connectionTimer = setTimeout(() => {
      socket.destroy(new AmqpError('CONNECTION_TIMEOUT', 'connection timed out'));
    }, connectionTimeout);
    let failure: Error | undefined;
    socket.on('error', (error) => {
      failure ??= error;
    });
    socket.on('close', () => {
      login.end();
      this.#ended(failure);
    });
    // who ends the connection reads no more: what still waits to be sent would keep it open
    socket.on('end', () => {
      if (socket.writableLength > 0) socket.destroy();
    });
    socket.on('drain', () => this.onDrain());
    socket.resume(); // it reads for `onread` alone: nothing may wait in it for others
    socket.write(PROTOCOL_HEADER);
    this._negotiate((octets) => login.take(octets)).then(
      () => {
        reader = new FrameReader(this);
        read(login.rest());
      },
      (error: unknown) => {
        if (!isCode(error, 'READ_END')) socket.destroy(withoutUndefined(error));
      },
    );
    return socket;
  }

  /** Looks at the broker's first octets before the library does: it would take those of another protocol for an enormous size. */
  override async _negotiate(read: Read): Promise<void> {
    const first = await read(8);
    const otherVersion = first.toString('latin1', 0, 4) === 'AMQP'; // the library tells which
    const start = otherVersion ? first : await this.#serverStart(first, read);
    // the library puts the first eight back into the socket, which nobody reads: it gets them twice
    let begun = Buffer.concat([first, start]);
    const readOn = withoutHeartbeats(read);
    await super._negotiate(async (octets) => {
      if (octets > MAX_FRAME_SIZE) throw frameError('not AMQP 0-9-1');
      if (begun.length === 0) return readOn(octets);
      const next = begun.subarray(0, octets);
      begun = begun.subarray(octets);
      return next;
    });
  }

  /** Reads all of `connection.start`, which tells of the server. */
  async #serverStart(first: Buffer, read: Read): Promise<Buffer> {
    const { type, size } = checkFrame(first, 0);
    if (type !== frameType.method || size < 10) throw frameError('not AMQP 0-9-1');
    const start = Buffer.concat([first, await read(size)]);
    if (start.readUInt32BE(7) !== Cmd.ConnectionStart) return start;
    this.serverProperties = readTable(start, 13, start.length - 1);
    const mechanisms = longString(start, 17 + start.readUInt32BE(13));
    // the broker would just hang up
    if (!mechanisms.split(' ').includes('PLAIN')) throw new AmqpError('NO_PLAIN', mechanisms);
    return start;
  }

  onMethod(id: number, octets: Buffer, start: number, end: number): void {
    if (end - start < 4) throw frameError('a method without an id');
    const method = octets.readUInt32BE(start);
    if (id === 0) {
      this.#onOwnMethod(method, octets, start + 4, end);
      return;
    }
    const channel = this.#channels.get(id);
    if (channel) channel.receive(method, octets, start + 4, end);
    else if (method !== Cmd.ChannelCloseOK) throw unexpectedFrame('a method for a channel that is not open');
    // else both ends closed it at once
  }

  onHeader(id: number, octets: Buffer, start: number, end: number): void {
    this.#channel(id).reader.header(octets, start, end);
  }

  onBodyFrame(id: number, size: number): BodySink {
    return this.#channel(id).reader.bodyFrame(size);
  }

  /** Writes the pieces with one system call. */
  write(pieces: readonly Buffer[]): void {
    const socket = this._socket;
    if (!socket.writable) return;
    this._state.hasWrite = true;
    if (pieces.length > 1) socket.cork();
    for (const piece of pieces) socket.write(piece);
    if (pieces.length > 1) socket.uncork();
  }

  override _writeMethod(frame: MethodFrame): void {
    this.#outbox.copy(encodeFrame(frame, this.frameMax));
    this.#outbox.flush();
  }

  /** Something was handed over, and `left` is what waits. */
  #onTurn(left: number): void {
    const waits = this.#ahead > READ_AHEAD;
    if (waits) this._state.hasRead = true; // the broker's heartbeats may wait to be read
    if (left > 0) return;
    this.#ahead = 0;
    if (waits) this._socket.resume();
  }

  #channel(id: number): AmqpChannel {
    const channel = this.#channels.get(id);
    if (!channel) throw unexpectedFrame('a message for a channel that is not open');
    return channel;
  }

  #onOwnMethod(method: number, octets: Buffer, start: number, end: number): void {
    if (method === Cmd.ConnectionCloseOK) {
      this._socket.end();
      return;
    }
    if (method === Cmd.ConnectionBlocked) this.#outbox.flush(); // what was said before is not blocked
    // rabbitmq-client holds the socket back once more each time that it is told so, and lets it go once
    if (method === Cmd.ConnectionUnblocked) while (this._socket.writableCorked > 1) this._socket.uncork();
    const params = readArguments(method, octets, start, end);
    this._handleChunk({ type: 1, channelId: 0, methodId: method, params });
  }

  #ended(failure: Error | undefined): void {
    const closing = this._state.readyState === READY_STATE.CLOSING;
    const error = failure ?? (closing ? new AmqpError('CLOSING', 'the connection is closed') : lostError());
    this._state.readyState = READY_STATE.CLOSED;
    this._reset(error);
    if (!closing) this.emit('error', error);
  }
}

function lostError(): AmqpError {
  return new AmqpError('CONN_CLOSE', 'socket closed unexpectedly by server');
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** The error of a login that the broker refused; rabbitmq-client names the method that is to blame even where there is none. */
function withoutUndefined(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  error.message = error.message.replace(/^undefined: /, '');
  return error;
}
