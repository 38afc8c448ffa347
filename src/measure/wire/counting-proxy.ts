import net, { type Socket } from 'node:net';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import type { WireCost } from '../document/document.ts';
import { FrameCounter } from './frame-counter.ts';
import { type Endpoint, listenOnLoopback } from './loopback.ts';

/**
 * When a side is silent: `ms`, and then `turns` of the event loop, have passed since it said something. The
 * client is in this process: when the machine is busy its turns come late, but not one of them is left out.
 */
const SILENCE = { ms: 5, turns: 20 };

/** The silence after which all is quiet, in ms: what the broker says unasked, such as basic.cancel, may take that long. */
const QUIET = 50;

/**
 * A proxy before the broker, for one connection of one client in this process, that counts what passes.
 *
 * It answers as a network with a very long delay would: what the broker sends is held until the client has sent all that
 * it sends without it. So what is a flight (see {@link FrameCounter}) does not depend on whether the broker's answer or
 * the client's next frame is quicker.
 */
export class CountingProxy {
  readonly #broker: Endpoint;
  readonly #server = net.createServer({ allowHalfOpen: true }, (near) => this.#connect(near));
  readonly #counter = new FrameCounter();
  readonly #sockets = new Set<Socket>();
  #near: Socket | undefined;
  #held: Buffer[] = [];
  #brokerEnded = false;
  #failure: Error | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** How often anything was heard. */
  #heard = 0;

  private constructor(broker: Endpoint) {
    this.#broker = broker;
  }

  /** Listens on a free port. */
  static async open(broker: Endpoint): Promise<{ proxy: CountingProxy; port: number }> {
    const proxy = new CountingProxy(broker);
    return { proxy, port: await listenOnLoopback(proxy.#server) };
  }

  /** The counts of what the client sent and received until now. */
  counts(): WireCost {
    return this.#counter.counts();
  }

  /** The failure of the connection, if any: the reason why a call failed. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /**
   * Resolves when nothing is under way any more: nothing was heard for a while, and the broker has answered every method
   * of the client that it answers, or the connection is over.
   * @throws (rejects) when the signal is aborted
   */
  async quiet(signal: AbortSignal): Promise<void> {
    let heard: number;
    do {
      heard = this.#heard;
      await sleep(QUIET, undefined, { signal });
      for (let turns = 0; turns < SILENCE.turns; turns++) await turn();
    } while (heard !== this.#heard || (this.#counter.unanswered > 0 && this.#sockets.size > 0));
  }

  /** Cuts what is left of the connection, and takes no other one. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#heard++;
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #connect(near: Socket): void {
    if (this.#near) {
      near.destroy();
      this.#fail(new Error('the client made a second connection'));
      return;
    }
    this.#near = near;
    this.#counter.connected();
    const far = net.connect({ host: this.#broker.hostname, port: this.#broker.port, allowHalfOpen: true });
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        this.#stir();
      });
    }
    far.on('error', (error) => {
      // RabbitMQ may reset a connection that both sides closed in order: what it sent before counts
      this.#failure ??= new Error(`the connection to the broker failed: ${error.message}`);
      this.#brokerEnded = true;
      this.#stir();
    });
    near.on('error', () => far.resetAndDestroy()); // a client may well end by a reset
    near.on('data', (chunk: Buffer) => {
      this.#count(() => this.#counter.sent(chunk));
      far.write(chunk);
      this.#stir();
    });
    near.on('end', () => far.end());
    far.on('data', (chunk: Buffer) => {
      this.#held.push(chunk);
      this.#stir();
    });
    far.on('end', () => {
      this.#brokerEnded = true;
      this.#stir();
    });
  }

  /** Something was heard: the silence begins anew. */
  #stir(): void {
    const heard = ++this.#heard;
    clearTimeout(this.#timer);
    const next = (left: number): void => {
      if (heard !== this.#heard) return;
      if (left > 0) setImmediate(next, left - 1);
      else this.#release();
    };
    this.#timer = setTimeout(next, SILENCE.ms, SILENCE.turns);
  }

  #release(): void {
    const chunk = Buffer.concat(this.#held);
    this.#held = [];
    if (chunk.length > 0 && this.#near?.writable) {
      this.#count(() => this.#counter.received(chunk));
      this.#near.write(chunk);
      this.#stir();
      return;
    }
    if (this.#brokerEnded) this.#near?.end();
  }

  #count(read: () => void): void {
    try {
      read();
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const socket of this.#sockets) socket.destroy();
  }
}
