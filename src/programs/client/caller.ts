import { setTimeout as delay } from 'node:timers/promises';
import type { RpcClient, RpcReply } from '../../client/client.ts';
import { RpcError } from '../../protocol/errors.ts';
import { failureOf, type Outcome } from './answers.ts';

/** How long a missing queue is asked for again, and how often, in ms: a worker may just be starting. */
const QUEUE_WAIT = 3_000;
const QUEUE_INTERVAL = 250;

/** How long to wait for a reply before looking whether anybody consumes the queue, in ms. */
const CONSUMER_CHECK = 1_000;

/** The options of {@link Caller}. */
interface CallerOptions {
  readonly queue: string;
  /** The time limit of a call, in ms. */
  readonly timeout: number;
  /** Tells people how it goes. */
  readonly say: (line: string) => void;
}

/** The calls of one run of the program. */
export class Caller {
  readonly #client: RpcClient;
  readonly #options: CallerOptions;
  /** When the queue was first found missing: all calls of this run wait for it together. */
  #missingSince: number | undefined;

  constructor(client: RpcClient, options: CallerOptions) {
    this.#client = client;
    this.#options = options;
  }

  /** Calls, and calls again while there is no queue yet. Never rejects. */
  async call(body: string | Buffer, requestType = 'text/plain'): Promise<Outcome> {
    const began = performance.now();
    try {
      const reply = await this.#onceThereIsAQueue(body, requestType, began + this.#options.timeout);
      const { contentType } = reply;
      return { milliseconds: performance.now() - began, reply: { body: reply.bytes(), contentType } };
    } catch (error) {
      return { milliseconds: performance.now() - began, failure: failureOf(error) };
    }
  }

  async #onceThereIsAQueue(body: string | Buffer, contentType: string, deadline: number): Promise<RpcReply> {
    const { queue, say } = this.#options;
    for (let timeout = this.#options.timeout; ; timeout = Math.max(1, Math.round(deadline - performance.now()))) {
      try {
        const reply = await this.#client.call(queue, body, { timeout, contentType });
        this.#missingSince = undefined;
        return reply;
      } catch (error) {
        if (!(error instanceof RpcError && error.reason === 'NO_QUEUE')) throw error;
        if (this.#missingSince === undefined) {
          this.#missingSince = performance.now();
          say(` [!] There is no queue '${queue}' yet; asking again for ${QUEUE_WAIT / 1000} s`);
        }
        const next = performance.now() + QUEUE_INTERVAL;
        if (next > Math.min(deadline, this.#missingSince + QUEUE_WAIT)) throw error;
        await delay(QUEUE_INTERVAL);
      }
    }
  }

  /**
   * Says once if calls wait and nobody consumes the queue.
   * @returns stops looking
   */
  watchForConsumers(): () => void {
    const { queue: name, timeout, say } = this.#options;
    let looking = false;
    const look = async (): Promise<void> => {
      if (looking || this.#client.stats().inFlight === 0) return;
      looking = true;
      const queue = await this.#client.inspectQueue(name).catch((error: Error) => error);
      looking = false;
      if (queue instanceof RpcError && queue.reason === 'NO_QUEUE') {
        stop();
        say(` [!] ${queue.message}`);
      } else if (queue instanceof RpcError && queue.code !== 'UNAVAILABLE') stop(); // refused, and would be again
      if (!queue || queue instanceof Error || queue.consumerCount !== 0) return;
      stop();
      say(` [!] No worker consumes '${name}' (${queue.messageCount} waiting); waiting for one until the time limit`);
    };
    const timer = setInterval(() => void look(), Math.min(CONSUMER_CHECK, timeout / 2)).unref();
    const stop = () => clearInterval(timer);
    return stop;
  }
}
