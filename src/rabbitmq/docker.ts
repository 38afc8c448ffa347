import os from 'node:os';
import type { StartedTestContainer } from 'testcontainers';
import { parseAmqpUrl } from '../amqp/url.ts';
import type { PrivateBroker, PrivateBrokerOptions } from './broker.ts';
import { findEngine, type Testcontainers } from './engine.ts';
import { handshake } from './handshake.ts';
import { ownerLabels, removeLeftovers } from './leftovers.ts';
import { COARSE_STATISTICS } from './node-settings.ts';
import { freePorts } from './ports.ts';

/** Its Prometheus plugin is on by default, and listens on 15692. */
const IMAGE = 'rabbitmq:4-management';
/** How long a container may take until RabbitMQ in it is ready, in ms; fetching the image does not count. */
const START_LIMIT = 120_000;

/** The host's ports that lead to the container's: fixed ones, the same after a restart. */
interface Published {
  readonly amqp: number;
  readonly metrics: number | undefined;
}

/**
 * Starts RabbitMQ in Docker (or what testcontainers takes for it). Undefined if there is no engine or no testcontainers.
 *
 * @throws an Error if the engine that is there does not answer, or can't start it; the signal's reason if it was aborted
 */
export async function startContainer(options: PrivateBrokerOptions): Promise<PrivateBroker | undefined> {
  const found = await findEngine();
  if (!found) return undefined;
  const { library, engine } = found;
  await removeLeftovers(engine);
  options.say(`starting ${IMAGE} in Docker`);
  const isLocal = isThisMachine(engine.info.containerRuntime.host);
  const [port = 0, metricsPort = 0] = await freePorts(2);
  const published: Published = { amqp: port, metrics: options.metrics ? metricsPort : undefined };
  const container = await definition(library, isLocal, published, options).start();
  const docker = engine.container.dockerode.getContainer(container.getId());
  const broker = new Container(container, docker, isLocal ? '127.0.0.1' : container.getHost(), published);
  try {
    options.signal?.throwIfAborted();
    await broker.identify();
    return broker;
  } catch (error) {
    await broker[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * Whether what the engine publishes on loopback is reached from here. Inside a container, testcontainers names the
 * gateway of Docker's bridge: an address of this machine where the engine runs in here too, not where its socket is mounted.
 */
function isThisMachine(host: string): boolean {
  const own = Object.values(os.networkInterfaces()).flatMap((one) => one ?? []);
  return host === 'localhost' || own.some(({ address }) => address === host);
}

function definition(
  { GenericContainer, Wait }: Testcontainers,
  local: boolean,
  published: Published,
  options: PrivateBrokerOptions,
) {
  const ports = [{ container: 5672, host: published.amqp }];
  if (published.metrics) ports.push({ container: 15692, host: published.metrics });
  /** Published on loopback only where that reaches it: guest:guest is not for the network. Testcontainers has no option. */
  class LoopbackContainer extends GenericContainer {
    protected override async beforeContainerCreated(): Promise<void> {
      if (!local) return;
      const bindings = ports.map(({ container, host }) => [
        `${container}/tcp`,
        [{ HostIp: '127.0.0.1', HostPort: String(host) }],
      ]);
      this.hostConfig.PortBindings = Object.fromEntries(bindings);
    }
  }
  const { plugins = [], config = [], metrics = false } = options;
  const enabled = metrics ? [...plugins, 'rabbitmq_prometheus'] : plugins;
  const files = [];
  if (enabled.length) files.push({ content: `[${enabled.join(',')}].\n`, target: '/etc/rabbitmq/enabled_plugins' });
  if (metrics) files.push({ content: COARSE_STATISTICS, target: '/etc/rabbitmq/advanced.config' });
  if (config.length)
    files.push({ content: `${config.join('\n')}\n`, target: '/etc/rabbitmq/conf.d/90-fib-worker.conf' });
  return new LoopbackContainer(IMAGE)
    .withLabels(ownerLabels())
    .withExposedPorts(...ports)
    .withCopyContentToContainer(files)
    .withWaitStrategy(Wait.forLogMessage('Server startup complete'))
    .withStartupTimeout(START_LIMIT);
}

/** What we use of dockerode's container. */
interface DockerContainer {
  start(): Promise<unknown>;
  stop(options: { t: number }): Promise<unknown>;
  kill(options: { signal: string }): Promise<unknown>;
}

class Container implements PrivateBroker {
  readonly owned = true;
  readonly url: string;
  readonly urls: readonly string[];
  readonly metricsUrls: readonly string[] | undefined;
  readonly #container: StartedTestContainer;
  readonly #docker: DockerContainer;
  #version = '';

  constructor(container: StartedTestContainer, docker: DockerContainer, host: string, published: Published) {
    this.#container = container;
    this.#docker = docker;
    this.url = `amqp://guest:guest@${host}:${published.amqp}`;
    this.urls = [this.url];
    this.metricsUrls = published.metrics ? [`http://${host}:${published.metrics}/metrics`] : undefined;
  }

  get version(): string {
    return this.#version;
  }

  get description(): string {
    return `RabbitMQ ${this.#version} of our own in Docker (${IMAGE})`;
  }

  /** Waits until it answers, and keeps what it says it is. */
  async identify(): Promise<void> {
    const giveUpAt = Date.now() + START_LIMIT;
    for (;;) {
      try {
        this.#version = (await handshake(parseAmqpUrl(this.url))).version;
        return;
      } catch (error) {
        if (Date.now() > giveUpAt) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  async start(): Promise<void> {
    await this.#docker.start();
    await this.identify();
  }

  async stop(): Promise<void> {
    await this.#docker.stop({ t: 10 });
  }

  async kill(): Promise<void> {
    await this.#docker.kill({ signal: 'SIGKILL' });
  }

  async ctl(...args: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.#container.exec(['rabbitmqctl', ...args]);
    if (exitCode !== 0) throw new Error(`rabbitmqctl: ${stderr.trim() || stdout.trim()}`);
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#container.stop({ remove: true, removeVolumes: true });
  }
}
