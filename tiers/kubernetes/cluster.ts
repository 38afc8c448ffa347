// A Kubernetes cluster with KEDA, as our workers see it, on this machine: KEDA's model sees a real RabbitMQ, and processes of
// dist/worker.js stand for pods. Ten times as quick as a cluster: a second of its settings is 0.1 s here.
import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { inspectQueue } from '../../src/amqp/queues.ts';
import { parseAmqpUrl } from '../../src/amqp/url.ts';
import { Keda, type ScaledObject, SYNC_PERIOD } from './keda.ts';

/** How many times as quick as a cluster everything is. */
export const QUICKER = 10;

/** The messages that KEDA's scaler counts. https://keda.sh/docs/2.18/scalers/rabbitmq-queue/ */
export type Protocol = 'http' | 'amqp';

/** The settings of a cluster; times in seconds of the cluster. */
export interface ClusterOptions {
  readonly scaledObject: ScaledObject;
  readonly protocol: Protocol;
  readonly amqpUrl: string;
  /** The management API, with user and password. */
  readonly managementUrl: string;
  readonly queue: string;
  /** The bundle of a worker. */
  readonly worker: string;
  /** From a decision to the start of the process: scheduling, image, container. */
  readonly podStart: number;
  /** The worker's `--grace`. */
  readonly grace: number;
  /** SIGTERM to SIGKILL. */
  readonly terminationGracePeriod: number;
}

/** The record of a cluster's run. */
export interface ClusterRecord {
  /** The number of workers, each time it changed. */
  readonly replicas: readonly number[];
  /** Workers that Kubernetes killed because they did not end in their grace period. */
  readonly killed: number;
}

/** Runs a cluster until `signal` is aborted; then ends all workers. */
export async function runCluster(options: ClusterOptions, signal: AbortSignal): Promise<ClusterRecord> {
  const { scaledObject, protocol } = options;
  const keda = new Keda(scaledObject);
  const pods = new Pods(options);
  const look = protocol === 'http' ? await overHttp(options) : await overAmqp(options);
  const replicas = [0];
  const began = performance.now();
  const now = () => ((performance.now() - began) / 1_000) * QUICKER;
  let nextPoll = 0;
  let nextSync = SYNC_PERIOD;
  try {
    while (!signal.aborted) {
      await delay(Math.max(0, ((Math.min(nextPoll, nextSync) - now()) / QUICKER) * 1_000));
      const metric = await look.messages();
      if (now() >= nextPoll) {
        keda.poll(now(), metric);
        nextPoll = now() + scaledObject.pollingInterval;
      }
      if (now() >= nextSync) {
        keda.sync(now(), metric);
        nextSync = now() + SYNC_PERIOD;
      }
      if (keda.replicas !== replicas.at(-1)) replicas.push(keda.replicas);
      pods.scaleTo(keda.replicas);
    }
  } finally {
    await look.close();
    pods.scaleTo(0);
    await pods.allEnded();
  }
  return { replicas, killed: pods.killed };
}

/** KEDA's scaler, connected. */
interface Scaler {
  messages(): Promise<number>;
  close(): Promise<void>;
}

/** KEDA, protocol http: `messages` of the management API, those in hand included unless `excludeUnacknowledged` says otherwise. */
async function overHttp({ managementUrl, queue }: ClusterOptions): Promise<Scaler> {
  const { origin, username, password } = new URL(managementUrl);
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  return {
    async messages() {
      const response = await fetch(`${origin}/api/queues/%2F/${queue}`, { headers: { authorization } });
      const { messages } = (await response.json()) as { messages?: number };
      return messages ?? 0; // a queue that was just declared has no figures yet
    },
    close: () => Promise.resolve(),
  };
}

/** KEDA, protocol amqp: a passive declare, which tells of those that wait alone. */
async function overAmqp({ amqpUrl, queue }: ClusterOptions): Promise<Scaler> {
  const url = parseAmqpUrl(amqpUrl);
  return {
    messages: async () => (await inspectQueue(url, queue))?.messageCount ?? 0,
    close: () => Promise.resolve(),
  };
}

/** The workers, as a Deployment keeps them. */
class Pods {
  readonly #options: ClusterOptions;
  readonly #running: Pod[] = [];
  readonly #ending = new Set<Promise<unknown>>();
  killed = 0;

  constructor(options: ClusterOptions) {
    this.#options = options;
  }

  scaleTo(replicas: number): void {
    while (this.#running.length < replicas) this.#running.push(new Pod(this.#options));
    while (this.#running.length > replicas) {
      const pod = this.#running.shift(); // the oldest: it has most likely a call in hand
      const ended = pod?.terminate().then((killed) => {
        if (killed) this.killed++;
        this.#ending.delete(ended as Promise<void>);
      });
      if (ended) this.#ending.add(ended);
    }
  }

  async allEnded(): Promise<void> {
    await Promise.all(this.#ending);
  }
}

class Pod {
  readonly #options: ClusterOptions;
  readonly #cancelled = new AbortController();
  readonly #process: Promise<ReturnType<typeof spawn> | undefined>;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#process = this.#start();
  }

  async #start() {
    const { podStart, worker, queue, grace, amqpUrl } = this.#options;
    await delay((podStart / QUICKER) * 1_000);
    if (this.#cancelled.signal.aborted) return undefined;
    const args = [worker, '--queue', queue, '--grace', `${(grace / QUICKER) * 1_000}ms`];
    const { PATH, HOME } = process.env;
    return spawn(process.execPath, args, { stdio: 'ignore', env: { PATH, HOME, AMQP_URL: amqpUrl } });
  }

  /** SIGTERM, and SIGKILL after the grace period; whether that was needed. */
  async terminate(): Promise<boolean> {
    this.#cancelled.abort();
    const child = await this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return false;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    let killed = false;
    const timer = setTimeout(
      () => {
        killed = child.kill('SIGKILL');
      },
      (this.#options.terminationGracePeriod / QUICKER) * 1_000,
    );
    await ended;
    clearTimeout(timer);
    return killed;
  }
}
