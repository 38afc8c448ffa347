import { existsSync, readFileSync } from 'node:fs';

/** What {@link brokerCandidates} looks at; the machine it runs on by default. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A file's text; undefined if it can't be read. */
  readonly read: (file: string) => string | undefined;
}

const thisMachine: Surroundings = {
  env: process.env,
  read: (file) => {
    try {
      return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
    } catch {
      return undefined;
    }
  },
};

/**
 * Where a broker may be when nobody said: on localhost; inside a container also under the name `rabbitmq`, which is what a
 * container of that name is called on a network of the user's, and on the host, by Docker's name for it and by the default
 * gateway. Not in Kubernetes, where the host is none of a pod's business. With guest:guest only.
 */
export function brokerCandidates({ env, read }: Surroundings = thisMachine): string[] {
  const hosts = ['localhost'];
  if (env.KUBERNETES_SERVICE_HOST === undefined && inContainer(read)) {
    hosts.push('rabbitmq', 'host.docker.internal');
    const gateway = defaultGateway(read('/proc/net/route') ?? '');
    if (gateway !== undefined) hosts.push(gateway);
  }
  return hosts.map((host) => `amqp://guest:guest@${host}:5672`);
}

/** Describes a search that goes beyond this machine: where it looks, and how to make it find one. */
export function describeSearch(urls: readonly string[]) {
  const hosts = urls.map((url) => new URL(url).hostname);
  const help =
    'if none answers, run this container with --network container:NAME of your RabbitMQ, or --network host for one on the ' +
    'host, or set AMQP_URL';
  const message = `no URL given: looking for a RabbitMQ, port 5672; ${help}`;
  return { hosts, message, line: message.replace(',', ` at ${hosts.join(', ')},`) };
}

function inContainer(read: Surroundings['read']): boolean {
  return (
    read('/.dockerenv') !== undefined || // Docker
    read('/run/.containerenv') !== undefined || // Podman
    /docker|containerd|libpod/.test(read('/proc/1/cgroup') ?? '')
  );
}

/** The IPv4 default gateway out of /proc/net/route: the route to 00000000, its address in hexadecimal, last byte first. */
function defaultGateway(routes: string): string | undefined {
  for (const line of routes.split('\n')) {
    const [, destination, gateway] = line.split('\t');
    if (destination === '00000000' && /^[0-9A-F]{8}$/.test(gateway ?? '') && gateway !== '00000000') {
      return Buffer.from(gateway ?? '', 'hex')
        .reverse()
        .join('.');
    }
  }
  return undefined;
}
