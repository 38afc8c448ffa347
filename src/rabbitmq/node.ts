import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseAmqpUrl } from '../amqp/url.ts';
import type { PrivateBroker, PrivateBrokerOptions } from './broker.ts';
import { type Authority, createAuthority } from './certificates.ts';
import { Guard } from './guard.ts';
import { identify } from './identify.ts';
import { type Installation, layOutNode, type NodeSettings, newFamily } from './node-settings.ts';
import { freePorts } from './ports.ts';
import { run } from './run.ts';

/** How long a node that starts may log nothing, in ms. It takes 4 to 9 s in all; on a loaded machine minutes. */
const START_SILENCE = 120_000;
/** How long a node may take to stop cleanly, in ms. It takes 1 s; one whose cluster has lost its majority takes 30. */
const STOP_LIMIT = 10_000;

/** Somebody took a port between our looking for it and the node's listening on it. */
class PortTaken extends Error {}

/** Starts a node of our own out of an installation: own name, ports, epmd, data and log, all gone after disposal. */
export function startNode(installation: Installation, options: PrivateBrokerOptions): Promise<PrivateBroker> {
  return underGuard(async (guard) => {
    const settings = await layOutNode(guard.folder, installation, await newFamily(), 1, options, authorityFor(options));
    const node = new PrivateNode(installation, guard, settings);
    await node.start(options.signal);
    return node;
  });
}

/** The authority that a node's certificate comes from, where it is to listen by TLS. */
export function authorityFor({ tls }: PrivateBrokerOptions): Authority | undefined {
  return tls ? createAuthority() : undefined;
}

/** Runs `start` under a guard of its own, again with another if a port was taken meanwhile; a failure leaves nothing. */
export async function underGuard<T>(start: (guard: Guard) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const guard = await Guard.start();
    try {
      return await start(guard);
    } catch (error) {
      await guard[Symbol.asyncDispose]();
      if (!(error instanceof PortTaken) || attempt === 3) throw error;
    }
  }
}

/** A node laid out in a folder. Disposing of it disposes of `guard`: of that of a cluster, the cluster does. */
export class PrivateNode implements PrivateBroker {
  readonly owned = true;
  readonly url: string;
  readonly urls: readonly string[];
  readonly metricsUrls: readonly string[] | undefined;
  readonly overTls: PrivateBroker['overTls'];
  readonly #installation: Installation;
  readonly #guard: Pick<Guard, 'env' | typeof Symbol.asyncDispose>;
  readonly #settings: NodeSettings;
  #process: ChildProcess | undefined;
  #version = '';
  #starts = 0;

  constructor(
    installation: Installation,
    guard: Pick<Guard, 'env' | typeof Symbol.asyncDispose>,
    settings: NodeSettings,
  ) {
    this.#installation = installation;
    this.#guard = guard;
    this.#settings = settings;
    this.url = `amqp://guest:guest@127.0.0.1:${settings.port}`;
    this.urls = [this.url];
    this.metricsUrls = settings.metricsUrl ? [settings.metricsUrl] : undefined;
    this.overTls = settings.overTls;
  }

  get version(): string {
    return this.#version;
  }

  get description(): string {
    return `RabbitMQ ${this.#version} of our own on port ${this.#settings.port} (${this.#installation.origin})`;
  }

  async start(signal?: AbortSignal): Promise<void> {
    if (this.#process) throw new Error('the node is running');
    signal?.throwIfAborted();
    this.#starts += 1;
    const log = path.join(this.#settings.folder, 'log', `start-${this.#starts}.txt`);
    const output = await open(log, 'w');
    const node = spawn(path.join(this.#installation.scripts, 'rabbitmq-server'), [], {
      cwd: this.#settings.folder,
      detached: true, // Ctrl-C in a terminal is for us; we then stop the node
      env: { ...this.#settings.env, ...this.#guard.env },
      stdio: ['ignore', output.fd, output.fd],
    });
    node.unref();
    this.#process = node;
    for (const end of ['exit', 'error'])
      node.once(end, () => {
        this.#process = undefined;
      });
    try {
      await once(node, 'spawn');
      await output.close();
      await this.#ready(log, signal);
      const identity = await identify(parseAmqpUrl(this.url), { timeout: START_SILENCE, signal });
      this.#version = identity.version;
    } catch (error) {
      await output.close();
      await this.kill();
      throw error;
    }
  }

  /** The port opens 0.1 s before the node has finished starting, so it is the log that tells. */
  async #ready(log: string, signal: AbortSignal | undefined): Promise<void> {
    let [logged, loggedAt] = [0, Date.now()];
    for (;;) {
      const running = this.#process !== undefined; // asked before the log is read, so that the log is complete
      const text = await readFile(log, 'utf8');
      if (text.includes('Server startup complete')) return;
      if (!running && /eaddrinuse|already in use|epmd/i.test(text))
        throw new PortTaken(failure('found its port taken', text));
      if (!running) throw new Error(failure('exited while starting', text));
      if (text.length > logged) [logged, loggedAt] = [text.length, Date.now()];
      if (Date.now() - loggedAt > START_SILENCE)
        throw new Error(failure(`is not ready, and logged nothing for ${START_SILENCE / 1_000} s`, text));
      await sleep(50, undefined, { signal }).catch((error) => {
        throw signal?.reason ?? error;
      });
    }
  }

  async stop(): Promise<void> {
    const node = this.#process;
    if (!node) return;
    const exited = once(node, 'exit');
    node.ref();
    node.kill('SIGTERM');
    const timer = setTimeout(() => node.kill('SIGKILL'), STOP_LIMIT);
    await exited;
    clearTimeout(timer);
  }

  async kill(): Promise<void> {
    const node = this.#process;
    if (!node?.pid) return;
    const exited = once(node, 'exit');
    node.ref();
    node.kill('SIGKILL');
    await exited;
  }

  async ctl(...args: string[]): Promise<string> {
    const [port] = await freePorts(1);
    const range = { RABBITMQ_CTL_DIST_PORT_MIN: String(port), RABBITMQ_CTL_DIST_PORT_MAX: String(port) };
    return run(path.join(this.#installation.scripts, 'rabbitmqctl'), args, {
      cwd: this.#settings.folder,
      env: { ...this.#settings.env, ...range, ...this.#guard.env },
      timeout: 240_000, // it takes 2 s, and on a loaded machine a minute
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.#guard[Symbol.asyncDispose]();
  }
}

/** One line that says what happened, and then the end of the log. */
function failure(what: string, log: string): string {
  const lines = log.split('\n').map((line) => line.trimEnd());
  const last = lines.filter(Boolean).slice(-12);
  return [`the node ${what}: ${last.at(-1) ?? 'its log is empty'}`, ...last.map((line) => `  ${line}`)].join('\n');
}
