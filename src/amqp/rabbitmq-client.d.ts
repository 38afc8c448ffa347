// What of rabbitmq-client 5.0.8 is used, its internals among it. rabbitmq-client itself declares none of these, so another version
// may change them without a word: test/amqp/library-version.test.ts says what to check then. `Connection` logs in and keeps the
// heartbeats, `Channel` pairs methods with their answers, and the codec encodes methods; how octets are read and written is ours.

declare module 'rabbitmq-client/lib/codec.js' {
  /** Class and id of each method as one number, by name; and its name by that number. */
  export const Cmd: {
    readonly ConnectionStart: number;
    readonly ConnectionClose: number;
    readonly ConnectionCloseOK: number;
    readonly ConnectionBlocked: number;
    readonly ChannelOpen: number;
    readonly ChannelOpenOK: number;
    readonly ChannelClose: number;
    readonly ChannelCloseOK: number;
    readonly QueueDeclareOK: number;
    readonly QueueDeleteOK: number;
    readonly QueuePurgeOK: number;
    readonly BasicConsume: number;
    readonly BasicConsumeOK: number;
    readonly BasicCancel: number;
    readonly BasicCancelOK: number;
    readonly BasicPublish: number;
    readonly BasicReturn: number;
    readonly BasicDeliver: number;
    readonly BasicGetOK: number;
    readonly BasicGetEmpty: number;
    readonly ConnectionUnblocked: number;
    readonly BasicAck: number;
    readonly BasicNack: number;
    readonly [id: number]: string | undefined;
  };

  /** The names of reply codes, such as `ACCESS_REFUSED` for 403. */
  export const ReplyCode: { readonly [code: number]: string | undefined };

  export const PROTOCOL_HEADER: Buffer;

  export interface MethodFrame {
    readonly type: 1;
    readonly channelId: number;
    readonly methodId: number;
    /** By the names that the method's table in the codec has. */
    readonly params: object | undefined;
  }

  /** @throws Error if a parameter can't be encoded, or the frame is longer than `frameMax` octets */
  export function encodeFrame(frame: MethodFrame | HeaderFrame, frameMax?: number): Buffer;

  // what ours is tested against

  /** Reads a frame. */
  export function decodeFrame(read: (octets: number) => Promise<Buffer>): Promise<{ fields?: { headers?: unknown } }>;

  export interface HeaderFrame {
    readonly type: 2;
    readonly channelId: number;
    readonly bodySize: number;
    readonly fields: object;
  }

  /** The frames of a message, with bodies of `payloadMax` octets at most. */
  export function genContentFrames(
    channel: number,
    message: object,
    body: Buffer,
    payloadMax: number,
  ): Iterable<Buffer>;
}

declare module 'rabbitmq-client/lib/util.js' {
  export const READY_STATE: {
    readonly CONNECTING: number;
    readonly OPEN: number;
    readonly CLOSING: number;
    readonly CLOSED: number;
  };

  /** Reads a number of octets, one read at a time. Rejects with the code READ_END once the socket has ended. */
  export type Read = (octets: number) => Promise<Buffer>;
}

declare module 'rabbitmq-client/lib/Connection.js' {
  import { EventEmitter } from 'node:events';
  import type { Socket } from 'node:net';
  import type { ConnectionOptions as TlsOptions } from 'node:tls';
  import type { Channel } from 'rabbitmq-client/lib/Channel.js';
  import type { MethodFrame } from 'rabbitmq-client/lib/codec.js';
  import type { Read } from 'rabbitmq-client/lib/util.js';

  /** The options that are used here; `tls` goes to `tls.connect`. */
  export interface ConnectionOptions {
    readonly hostname: string;
    readonly port: number;
    readonly username: string;
    readonly password: string;
    readonly vhost: string;
    readonly tls: TlsOptions | false;
    /** The interval, in seconds; the lower of ours and the broker's counts. */
    readonly heartbeat: number;
    readonly frameMax: number;
    readonly connectionTimeout: number;
    readonly connectionName?: string;
  }

  /** Emits `connection` once it is logged in, `connection.blocked` with a reason, `connection.unblocked`, and `error`. */
  export class Connection extends EventEmitter {
    readonly _opt: ConnectionOptions;
    _socket: Socket;
    readonly _state: {
      /** One of READY_STATE. */
      readyState: number;
      /** The negotiated number of channels. */
      readonly channelMax: number;
      readonly frameMax: number;
      /** The open channels by number; `pick` gives the lowest that is free. */
      readonly leased: { pick(): number; set(id: number, channel: Channel): void; delete(id: number): void };
      /** Cleared when it is logged in, or lost. */
      connectionTimer: NodeJS.Timeout | undefined;
      heartbeatTimer: NodeJS.Timeout | undefined;
      /** What the heartbeats go by: whether something was read, or written, since the last look. */
      hasRead: boolean;
      hasWrite: boolean;
    };
    /** Calls `_connect`. */
    constructor(options: ConnectionOptions);
    /** Sets `_socket` and returns it. */
    _connect(): Socket;
    /** Logs in, from the broker's first octet to `connection.open-ok`; emits `connection`. */
    _negotiate(read: Read): Promise<void>;
    /** Writes a method to the socket. */
    _writeMethod(frame: MethodFrame): void;
    /** A method on channel 0: close, close-ok, blocked, unblocked. */
    _handleChunk(frame: MethodFrame): void;
    /** Ends all channels and timers. */
    _reset(error: Error): void;
    /** Destroys the socket. */
    unsafeDestroy(): void;
    /** Closes in order where it is open; before that at once. */
    close(): Promise<void>;
  }
}

declare module 'rabbitmq-client/lib/Channel.js' {
  import { EventEmitter } from 'node:events';
  import type { Connection } from 'rabbitmq-client/lib/Connection.js';

  /** A method that was called: whom to tell, its id, the id of its answer, and its frame, encoded when it is read. */
  export type Rpc = [
    deferred: { resolve(answer: object | undefined): void; reject(error: unknown): void },
    request: number,
    response: number,
    frames?: Iterable<Buffer>,
  ];

  /** Emits `basic.return`, `basic.cancel`, `error`, and `close` at its end. */
  export class Channel extends EventEmitter {
    readonly id: number;
    active: boolean;
    readonly _conn: Connection;
    readonly _state: {
      /** The method that waits for its answer. */
      rpc: Rpc | undefined;
    };
    constructor(id: number, connection: Connection, emitErrors: boolean);
    /** Calls a method once those before it are answered. */
    _invoke(request: number, response: number, params: object | undefined): Promise<unknown>;
    /** Writes a method that waits for its answer from now on. */
    _rpcNext(rpc: Rpc): void;
    /** Sends a method that has no answer. */
    _invokeNowait(method: number, params: object): void;
    /** An answer, for the method that waits for one. */
    _handleRPC(method: number, params: object | undefined): void;
    /** Its end: all who wait are told, and `close` is emitted, once. */
    _clear(error?: Error): void;
    close(): Promise<void>;
    queueDeclare(params: object): Promise<{ queue: string; messageCount: number; consumerCount: number }>;
    queueDelete(params: object | string): Promise<{ messageCount: number }>;
    queuePurge(params: object): Promise<{ messageCount: number }>;
    queueBind(params: object): Promise<void>;
    exchangeDeclare(params: object): Promise<void>;
    basicGet(params: object): Promise<unknown>;
    basicQos(params: object): Promise<void>;
    basicCancel(params: object | string): Promise<{ consumerTag: string }>;
  }
}
