import net, { type Socket } from 'node:net';
import { createHistogram } from 'node:perf_hooks';
import { DelayLine } from './delay-line.ts';
import { type Endpoint, listenOnLoopback } from './loopback.ts';

/** The delays that a {@link DelayProxy} really gave: its timers are late, the more so the busier the machine is. */
export interface GivenDelay {
  /** How many chunks it passed on. */
  readonly chunks: number;
  /** The round-trip time in ms that comes of the median lateness of its chunks. */
  readonly median: number;
  /** The same of the 99th percentile. */
  readonly p99: number;
}

/**
 * A TCP proxy on the loopback interface that makes the way to a server as long as over a network with this round-trip
 * time: half of it each way. What a client sends first waits for one round trip more, for that is how long connecting
 * would have taken.
 */
export class DelayProxy {
  readonly #to: Endpoint;
  readonly #rtt: number;
  readonly #server = net.createServer({ allowHalfOpen: true }, (near) => this.#connect(near));
  readonly #sockets = new Set<Socket>();
  /** In µs, and one more: it can't hold 0. */
  readonly #lateness = createHistogram();

  private constructor(to: Endpoint, rtt: number) {
    this.#to = to;
    this.#rtt = rtt;
  }

  /** Listens on a free port. `rtt` is in ms. */
  static async open(to: Endpoint, rtt: number): Promise<{ proxy: DelayProxy; port: number }> {
    const proxy = new DelayProxy(to, rtt);
    return { proxy, port: await listenOnLoopback(proxy.#server) };
  }

  /** The delays that it gave until now; undefined if nothing went through it. */
  given(): GivenDelay | undefined {
    const { count } = this.#lateness;
    if (count === 0) return undefined;
    const at = (percent: number) => this.#rtt + (2 * (this.#lateness.percentile(percent) - 1)) / 1_000;
    return { chunks: count, median: at(50), p99: at(99) };
  }

  /** Cuts every connection and listens no more. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #connect(near: Socket): void {
    const far = net.connect({ host: this.#to.hostname, port: this.#to.port, allowHalfOpen: true });
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('close', () => this.#sockets.delete(socket));
    }
    const delay = this.#rtt / 2;
    const onLate = (ms: number) => this.#lateness.record(1 + Math.round(ms * 1_000));
    new DelayLine(near, far, { delay, notBefore: performance.now() + this.#rtt, onLate });
    new DelayLine(far, near, { delay, notBefore: 0, onLate });
  }
}
