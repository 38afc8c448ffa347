import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { promisify } from 'node:util';
import { findDocker } from '../src/rabbitmq/docker.ts';
import { run } from '../src/rabbitmq/run.ts';
import { programFolder } from './built.ts';
import { ownerLabels, removeLeftovers } from './leftovers.ts';
import { until } from './processes.ts';
import { cleanUp } from './programs.ts';
import type { Scope } from './rpc.ts';

/** The worker's image, once {@link buildImage} has made it. */
export const IMAGE = 'fib-worker:test';

const labels = Object.entries(ownerLabels()).flatMap(([name, value]) => ['--label', `${name}=${value}`]);

/** Runs a docker command and gives its standard output. */
export async function docker(...args: string[]): Promise<string> {
  return (await run('docker', args, { env: process.env })).trim();
}

/** Builds the worker's image out of this checkout, as the README says, after removing what a run that was killed left. */
export async function buildImage(): Promise<void> {
  if (!(await findDocker())) throw new Error('no Docker engine found');
  await removeLeftovers();
  await docker('build', '--quiet', '--tag', IMAGE, path.dirname(programFolder));
}

/** A network of this test's own; gives its name. */
export async function startNetwork(t: Scope): Promise<string> {
  const name = `fib-worker-test-${randomUUID()}`;
  await docker('network', 'create', ...labels, name);
  cleanUp(t, () => docker('network', 'rm', name));
  return name;
}

/** How a RabbitMQ in a container can be reached. */
interface RabbitPlace {
  /** A network that it is on, under the name `rabbitmq`; default: Docker's own. */
  readonly network?: string;
  /** An address of the host to publish its port on as 5672; default: some port of loopback. */
  readonly publishedAt?: string;
  /** The container's name. */
  readonly name?: string;
}

/** Starts a RabbitMQ in a container by testcontainers, and gives its URL on this host. It ends with the test. */
export async function startRabbit(t: Scope, { network, publishedAt, name }: RabbitPlace = {}): Promise<string> {
  const { GenericContainer, Wait } = await import('testcontainers');
  const binding = { HostIp: publishedAt ?? '127.0.0.1', HostPort: publishedAt ? '5672' : '' };
  class Rabbit extends GenericContainer {
    protected override async beforeContainerCreated(): Promise<void> {
      this.hostConfig.PortBindings = { '5672/tcp': [binding] }; // testcontainers publishes for all addresses
    }
  }
  const definition = new Rabbit('rabbitmq:4-management')
    .withLabels(ownerLabels())
    .withExposedPorts(5672)
    .withWaitStrategy(Wait.forLogMessage('Server startup complete'));
  const named = name ? definition.withName(name) : definition;
  const place = network ? named.withNetworkMode(network).withNetworkAliases('rabbitmq') : named;
  const rabbit = await place.start();
  cleanUp(t, () => rabbit.stop({ remove: true, removeVolumes: true }));
  return `amqp://guest:guest@${binding.HostIp}:${rabbit.getMappedPort(5672)}`;
}

/** A worker in a container. */
export class ContainedWorker {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  /** Everything that it has written. */
  async log(): Promise<string> {
    const { stdout, stderr } = await promisify(execFile)('docker', ['logs', this.name], { maxBuffer: 2 ** 26 });
    return stdout + stderr;
  }

  /** Resolves once it has written what fits; fails with what it wrote instead. */
  async says(pattern: RegExp): Promise<void> {
    const said = until(`${pattern}`, async () => pattern.test(await this.log()));
    await said.catch(async (error: Error) => {
      throw new Error(`${error.message}; it wrote:\n${await this.log()}`);
    });
  }

  /** The records of an event in its log. */
  async records(event: string): Promise<Record<string, unknown>[]> {
    const lines = (await this.log()).split('\n').filter((line) => line.startsWith('{'));
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter((record) => record.event === event);
  }

  /** Gives what `docker inspect` says for this template. */
  inspect(template: string): Promise<string> {
    return docker('inspect', '--format', template, this.name);
  }
}

/** `docker run`s a worker with these arguments of Docker's and its own. It is removed when the test is over. */
export async function runWorker(
  t: Scope,
  dockerArgs: string[],
  workerArgs: string[] = [],
  image = IMAGE,
): Promise<ContainedWorker> {
  const name = `fib-worker-test-${randomUUID()}`;
  cleanUp(t, () => docker('rm', '--force', '--volumes', name));
  await docker('run', '--detach', '--name', name, ...labels, ...dockerArgs, image, ...workerArgs);
  return new ContainedWorker(name);
}
