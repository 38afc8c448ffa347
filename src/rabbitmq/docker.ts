import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseAmqpUrl } from '../amqp/url.ts';
import type { PrivateBroker, PrivateBrokerOptions } from './broker.ts';
import { Guard } from './guard.ts';
import { identify } from './identify.ts';
import { COARSE_STATISTICS } from './node-settings.ts';
import { freePorts } from './ports.ts';
import { run, which } from './run.ts';

const LOOPBACK = '127.0.0.1';

/** How long the engine may take to say that it is there, in ms. */
const ANSWER_LIMIT = 5_000;
/** How long a container may take until RabbitMQ in it is ready, in ms; fetching the image does not count. */
const START_LIMIT = 120_000;

/** Docker's command line is all that is needed: it knows where the engine is, and how to log in to it. */
function docker(args: readonly string[], options: { timeout?: number; signal?: AbortSignal | undefined } = {}) {
  return run('docker', args, { ...options, env: process.env });
}

/**
 * Whether there is a Docker engine: false where there is no `docker`, or no engine in its usual place.
 * @throws an Error of one line if one is named (DOCKER_HOST) and does not answer, or is there and not for this user
 */
export async function findDocker(): Promise<boolean> {
  if (!(await which('docker'))) return false;
  try {
    await docker(['version', '--format', '{{.Server.Version}}'], { timeout: ANSWER_LIMIT });
    return true;
  } catch (error) {
    const { DOCKER_HOST: named } = process.env;
    const why =
      (error as Error).message
        .replace(/^docker: /, '')
        .split('\n')
        .at(-1) ?? '';
    if (named) throw new Error(`no Docker engine answers at ${named} (see DOCKER_HOST): ${why}`);
    if (/is the docker daemon running/i.test(why)) return false;
    throw new Error(`the Docker engine can't be used: ${why}`);
  }
}

/**
 * Starts RabbitMQ in Docker. Undefined if there is none.
 *
 * @throws an Error if the engine that is there does not answer, or can't start it; the signal's reason if it was aborted
 */
export async function startContainer(options: PrivateBrokerOptions): Promise<PrivateBroker | undefined> {
  if (!(await findDocker())) return undefined;
  const { version = '4', say, signal } = options;
  const image = `rabbitmq:${version}-management`; // its Prometheus plugin is on by default, and listens on 15692
  say(`starting ${image} in Docker`);
  const host = await hostOfPorts();
  const guard = await Guard.start();
  try {
    const [amqp = 0, metrics = 0] = await freePorts(2); // fixed ones, the same after a restart
    const name = `fib-worker-${randomBytes(6).toString('hex')}`;
    guard.atEnd('docker', 'rm', '--force', '--volumes', name);
    // on loopback alone where that reaches it: guest:guest is not for the network. An engine elsewhere publishes on all its addresses
    const on = host === LOOPBACK ? `${LOOPBACK}:` : '';
    const published = ['--publish', `${on}${amqp}:5672`];
    if (options.metrics) published.push('--publish', `${on}${metrics}:15692`);
    await docker(['create', '--name', name, ...published, image], { signal });
    await configure(name, guard.folder, options);
    const broker = new Container(name, image, guard, {
      url: `amqp://guest:guest@${host}:${amqp}`,
      metricsUrl: options.metrics ? `http://${host}:${metrics}/metrics` : undefined,
    });
    await broker.start(signal);
    return broker;
  } catch (error) {
    await guard[Symbol.asyncDispose]();
    throw signal?.aborted ? signal.reason : error;
  }
}

/** The host by which a port that the engine publishes is reached from here. */
async function hostOfPorts(): Promise<string> {
  const format = (template: string) => ['--format', template];
  const endpoint =
    process.env.DOCKER_HOST ||
    (await docker(['context', 'inspect', ...format('{{.Endpoints.docker.Host}}')]).catch(() => '')).trim();
  const remote = /^(?:tcp|ssh|https?):\/\/(?:[^@/]*@)?(\[[^\]]+\]|[^:/]+)/.exec(endpoint)?.[1];
  if (remote) return (await isThisMachine(remote)) ? LOOPBACK : remote;
  if (!existsSync('/.dockerenv')) return LOOPBACK;
  // in a container with the host's socket, ports are published on the host: that is the bridge's gateway
  const bridge = ['network', 'inspect', 'bridge', ...format('{{(index .IPAM.Config 0).Gateway}}')];
  const gateway = (await docker(bridge).catch(() => '')).trim();
  return gateway === '' || (await isThisMachine(gateway)) ? LOOPBACK : gateway;
}

/**
 * Whether an address, or a name's, is one of this machine's: whether a socket can be bound to it. Node's list of network
 * interfaces leaves out a bridge to which no container is connected.
 */
export async function isThisMachine(host: string): Promise<boolean> {
  const server = net.createServer().listen(0, host.replace(/^\[|\]$/g, ''));
  try {
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

/** Copies the settings into a container that was not started yet. */
async function configure(name: string, folder: string, options: PrivateBrokerOptions): Promise<void> {
  const { plugins = [], config = [], metrics = false } = options;
  const enabled = metrics ? [...plugins, 'rabbitmq_prometheus'] : plugins;
  const put = async (target: string, text: string) => {
    const file = path.join(folder, path.basename(target));
    await writeFile(file, text);
    await chmod(file, 0o644); // it is not root that reads it
    await docker(['cp', file, `${name}:/etc/rabbitmq/${target}`]);
  };
  if (enabled.length) await put('enabled_plugins', `[${enabled.join(',')}].\n`);
  if (metrics) await put('advanced.config', COARSE_STATISTICS);
  if (config.length === 0) return;
  await mkdir(path.join(folder, 'conf.d'), { mode: 0o755 });
  await docker(['cp', path.join(folder, 'conf.d/.'), `${name}:/etc/rabbitmq/conf.d`]);
  await put('conf.d/90-fib-worker.conf', `${config.join('\n')}\n`);
}

class Container implements PrivateBroker {
  readonly owned = true;
  readonly url: string;
  readonly urls: readonly string[];
  readonly metricsUrls: readonly string[] | undefined;
  readonly #name: string;
  readonly #image: string;
  readonly #guard: Guard;
  #version = '';
  #starts = 0;

  constructor(name: string, image: string, guard: Guard, at: { url: string; metricsUrl: string | undefined }) {
    this.#name = name;
    this.#image = image;
    this.#guard = guard;
    this.url = at.url;
    this.urls = [at.url];
    this.metricsUrls = at.metricsUrl ? [at.metricsUrl] : undefined;
  }

  get version(): string {
    return this.#version;
  }

  get description(): string {
    return `RabbitMQ ${this.#version} of our own in Docker (${this.#image})`;
  }

  async start(signal?: AbortSignal): Promise<void> {
    this.#starts += 1;
    await docker(['start', this.#name], { signal });
    await this.#ready(signal);
    this.#version = (await identify(parseAmqpUrl(this.url), { timeout: 30_000, signal })).version;
  }

  /** The port opens before the node has finished starting, so it is the log that tells. */
  async #ready(signal: AbortSignal | undefined): Promise<void> {
    const giveUpAt = Date.now() + START_LIMIT;
    for (;;) {
      const running = (await docker(['inspect', '--format', '{{.State.Running}}', this.#name])).trim() === 'true';
      const log = await docker(['logs', this.#name]);
      if (log.split('Server startup complete').length > this.#starts) return;
      const last = log.trimEnd().split('\n').slice(-12).join('\n');
      if (!running) throw new Error(`the container exited while starting:\n${last}`);
      if (Date.now() > giveUpAt)
        throw new Error(`the container was not ready within ${START_LIMIT / 1_000} s:\n${last}`);
      await sleep(200, undefined, { signal });
    }
  }

  async stop(): Promise<void> {
    await docker(['stop', '--time', '10', this.#name]);
  }

  async kill(): Promise<void> {
    await docker(['kill', this.#name]);
  }

  ctl(...args: string[]): Promise<string> {
    return docker(['exec', this.#name, 'rabbitmqctl', ...args]).catch((error: Error) => {
      throw new Error(error.message.replace(/^docker: /, 'rabbitmqctl: '), { cause: error });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#guard[Symbol.asyncDispose]();
  }
}
