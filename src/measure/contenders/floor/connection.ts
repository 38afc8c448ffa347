import { createRequire } from 'node:module';
import net, { type Socket } from 'node:net';
import { explainConnectError } from '../../../amqp/connect-errors.ts';
import { type AmqpUrl, parseAmqpUrl } from '../../../amqp/url.ts';
import type { Target } from '../implementation.ts';
import { openChannel } from './channel.ts';
import { closeText, type FrameListener, FrameReader } from './frame-reader.ts';
import { FrameWriter } from './frame-writer.ts';
import { clientProperties, plainResponse } from './login.ts';
import { method } from './protocol.ts';

const PROTOCOL_HEADER = Buffer.from('AMQP\0\0\x09\x01', 'latin1');

/** The largest frame asked for, in bytes: RabbitMQ's default. */
const FRAME_MAX = 131_072;

const NO_HEARTBEATS = 0;

/** How long an orderly close may take, in ms; the socket is destroyed then. */
export const CLOSE_TIMEOUT = 2_000;

/** The owner of a connection, which is told of its life. */
export interface ConnectionOwner extends Pick<FrameListener, 'onDelivery' | 'onReturn'> {
  /** It is of no use any more; once, and not if its owner closed it. */
  onLost(error: Error): void;
  /** Something is about to go out: what the owner writes now goes out with it. */
  beforeWrite?(): void;
}

/** A caller that waits for the broker's answer. */
interface Waiting {
  readonly channel: number;
  readonly method: number;
  readonly resolve: (payload: Buffer) => void;
  readonly reject: (error: Error) => void;
}

/** An AMQP connection with a channel, or more. What is written in one turn of the event loop goes out in one write. */
export class FloorConnection implements FrameListener {
  readonly #owner: ConnectionOwner;
  readonly #url: AmqpUrl;
  readonly #socket: Socket;
  readonly #closed: Promise<void>;
  readonly #writer = new FrameWriter();
  readonly #waiting: Waiting[] = [];
  #scheduled = false;
  #channelMax = 65_535;
  #isOpen = false;
  #end: Error | undefined;
  #closing: Promise<void> | undefined;

  /** Begins to connect. */
  constructor({ url, tls: tlsOptions }: Pick<Target, 'url' | 'tls'>, owner: ConnectionOwner) {
    this.#owner = owner;
    this.#url = parseAmqpUrl(url);
    const { hostname: host, port } = this.#url;
    const servername = net.isIP(host) ? '' : host;
    const socket = this.#url.tls
      ? loadTls().connect({ servername, ...tlsOptions, host, port })
      : net.connect({ host, port });
    const reader = new FrameReader(this);
    this.#socket = socket.setNoDelay(true);
    this.#closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.#lose(new Error('the broker closed the TCP connection'));
        resolve();
      });
    });
    socket.on('error', (error) => this.#lose(this.#isOpen ? error : explainConnectError(error, this.#url)));
    socket.on('data', (data) => reader.read(data));
  }

  /** The most channels that the broker allows. */
  get channelMax(): number {
    return this.#channelMax;
  }

  /**
   * Logs in and opens channel 1. Rejects with what `onLost` is told.
   * @param options.cancelNotify whether it is lost if a queue that it consumes is deleted
   */
  async open({ cancelNotify }: { readonly cancelNotify: boolean }): Promise<void> {
    const { username, password, vhost } = this.#url;
    this.write(0).raw(PROTOCOL_HEADER);
    await this.until(0, method.connectionStart);
    const login = this.write(0).method(method.connectionStartOk).octets(clientProperties({ cancelNotify }));
    login.text('PLAIN').octets(plainResponse(username, password)).text('en_US').end();
    const tune = await this.until(0, method.connectionTune);
    const channelMax = tune.readUInt16BE(4); // 0: no limit
    this.#channelMax = channelMax || this.#channelMax;
    const frameMax = Math.min(FRAME_MAX, tune.readUInt32BE(6) || FRAME_MAX);
    this.#writer.frameMax = frameMax;
    this.write(0).method(method.connectionTuneOk).uint16(channelMax).uint32(frameMax).uint16(NO_HEARTBEATS).end();
    this.write(0).method(method.connectionOpen).text(Buffer.from(vhost).toString('latin1')).text('').uint8(0).end();
    await this.until(0, method.connectionOpenOk);
    this.#isOpen = true;
    await this.openChannel(1);
  }

  /** Opens a channel, a number that was not given before. */
  async openChannel(channel: number): Promise<void> {
    openChannel(this.write(channel));
    await this.until(channel, method.channelOpenOk);
  }

  /** Gives the writer of what goes out on a channel (0: the connection itself) at the end of this turn of the event loop. */
  write(channel: number): FrameWriter {
    if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(this.#flush);
    }
    this.#writer.channel = channel;
    return this.#writer;
  }

  /** The broker's answer on a channel. Rejects if the connection is lost first. */
  until(channel: number, answer: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#end) reject(this.#end);
      else this.#waiting.push({ channel, method: answer, resolve, reject });
    });
  }

  /** Ends it for a reason of the owner's, who is told like of any other. */
  fail(error: Error): void {
    this.#lose(error);
    void this.close();
  }

  /** Closes in order, what was written goes out before; by force after 2 s, or if it is not open. May be called again. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  onMethod(channel: number, id: number, payload: Buffer): void {
    const index = this.#waiting.findIndex((one) => one.channel === channel && one.method === id);
    if (index >= 0) {
      const [answered] = this.#waiting.splice(index, 1);
      answered?.resolve(payload);
    } else if (id === method.connectionClose) {
      this.write(0).method(method.connectionCloseOk).end();
      this.#flush();
      this.#lose(new Error(`RabbitMQ closed the connection: ${closeText(payload)}`));
      this.#socket.end();
    } else if (id === method.channelClose) {
      this.fail(new Error(`RabbitMQ closed the channel: ${closeText(payload)}`));
    } else if (id === method.basicCancel) {
      this.fail(new Error('RabbitMQ cancelled the consumer: the queue was deleted'));
    }
  }

  onDelivery(body: Buffer, correlationId: string, replyTo: string, deliveryTag: number): void {
    this.#owner.onDelivery(body, correlationId, replyTo, deliveryTag);
  }

  onReturn(correlationId: string, why: string): void {
    this.#owner.onReturn(correlationId, why);
  }

  readonly #flush = (): void => {
    this.#owner.beforeWrite?.();
    this.#scheduled = false;
    const socket = this.#socket;
    if (socket.destroyed) return;
    const parts = this.#writer.take();
    if (parts.length > 1) socket.cork();
    for (const part of parts) socket.write(part);
    if (parts.length > 1) socket.uncork(); // one writev
  };

  #lose(error: Error): void {
    if (this.#end) return;
    this.#end = error;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
    if (!this.#closing) this.#owner.onLost(error);
  }

  async #close(): Promise<void> {
    const socket = this.#socket;
    if (this.#isOpen && !socket.destroyed) {
      const timer = setTimeout(() => socket.destroy(), CLOSE_TIMEOUT);
      this.write(0).method(method.connectionClose).uint16(200).text('').uint16(0).uint16(0).end();
      const answered = new Promise<void>((resolve) => {
        const done = () => resolve();
        this.#waiting.push({ channel: 0, method: method.connectionCloseOk, resolve: done, reject: done });
      });
      await Promise.race([answered, this.#closed]);
      clearTimeout(timer);
    }
    socket.destroy();
    await this.#closed;
  }
}

/** Node's TLS, which takes a millisecond to load: who does not need it does not pay for it. */
function loadTls(): typeof import('node:tls') {
  return createRequire(import.meta.filename)('node:tls');
}
