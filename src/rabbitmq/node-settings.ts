import { randomBytes } from 'node:crypto';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { PrivateBrokerOptions } from './broker.ts';
import type { Authority } from './certificates.ts';
import { freePorts } from './ports.ts';

/** A RabbitMQ on this machine's disk, installed or unpacked. */
export interface Installation {
  /** The folder that holds `rabbitmq-server` and `rabbitmqctl`: RabbitMQ's own scripts, not a distribution's wrappers. */
  readonly scripts: string;
  /** The PATH to run them with: it leads to their Erlang. */
  readonly path: string;
  /** For humans: where it comes from. */
  readonly origin: string;
  /** Lines of `rabbitmq.conf` that this installation needs. */
  readonly config: readonly string[];
}

/**
 * Statistics of connections, channels and queues, every 5 s, which the gauges need. Left alone, the agent that comes with the
 * Prometheus plugin turns on `fine` ones: every message then counts something, on a node that is to be measured.
 */
export const COARSE_STATISTICS = '[{rabbitmq_management_agent, [{rates_mode, none}]}].\n';

/** Everything that tells one private node from another. */
export interface NodeSettings {
  readonly folder: string;
  readonly port: number;
  /** The URL of its Prometheus endpoint, if it has one. */
  readonly metricsUrl: string | undefined;
  /** Its URL over TLS, and the CA to trust, if it listens there. */
  readonly overTls: { readonly urls: readonly string[]; readonly ca: Buffer } | undefined;
  readonly env: Readonly<Record<string, string>>;
}

/** The common part of the nodes of one cluster; a node that stands alone is a family of one. */
export interface Family {
  /** The beginning of their names: nobody else has it. */
  readonly name: string;
  readonly cookie: string;
  readonly epmdPort: number;
}

/** A family of its own for a node, or for the nodes of a cluster. */
export async function newFamily(): Promise<Family> {
  const [epmdPort = 0] = await freePorts(1);
  return { name: `fib${randomBytes(6).toString('hex')}`, cookie: randomBytes(16).toString('hex'), epmdPort };
}

/** The Erlang name of the `member`th node of a family, counted from 1. */
export function nodeName(family: Family, member: number): string {
  return `${family.name}n${member}@localhost`;
}

/**
 * Lays out the folder of a node with its configuration and free ports; all it listens on is loopback. With an authority it
 * listens by TLS as well.
 */
export async function layOutNode(
  folder: string,
  installation: Installation,
  family: Family,
  member: number,
  { plugins = [], config = [], metrics = false }: Pick<PrivateBrokerOptions, 'plugins' | 'config' | 'metrics'>,
  authority?: Authority,
): Promise<NodeSettings> {
  const at = (...names: string[]) => path.join(folder, ...names);
  const [port = 0, distPort = 0, metricsPort = 0, tlsPort = 0] = await freePorts(4);
  for (const below of ['home', 'data', 'log']) await mkdir(at(below), { recursive: true });
  const certificate = authority?.issue('localhost', '127.0.0.1');
  if (authority && certificate) {
    await writeFile(at('ca.pem'), authority.ca);
    await writeFile(at('cert.pem'), certificate.cert);
    await writeFile(at('key.pem'), certificate.key, { mode: 0o600 });
  }
  await writeFile(at('home/.erlang.cookie'), family.cookie);
  await chmod(at('home/.erlang.cookie'), 0o400); // Erlang refuses a cookie that others can read
  const enabled = metrics ? [...plugins, 'rabbitmq_prometheus'] : plugins;
  await writeFile(at('enabled_plugins'), `[${enabled.join(',')}].\n`);
  if (metrics) await writeFile(at('advanced.config'), COARSE_STATISTICS);
  // 50 MB: on a developer's nearly full disk a node of ours, which stores next to nothing, is not to block publishers
  const lines = [
    'loopback_users = none',
    'log.console = true',
    'disk_free_limit.absolute = 50MB',
    ...(metrics ? ['prometheus.tcp.ip = 127.0.0.1', `prometheus.tcp.port = ${metricsPort}`] : []),
    ...(authority
      ? [
          `listeners.ssl.1 = 127.0.0.1:${tlsPort}`,
          `ssl_options.cacertfile = ${at('ca.pem')}`,
          `ssl_options.certfile = ${at('cert.pem')}`,
          `ssl_options.keyfile = ${at('key.pem')}`,
        ]
      : []),
    ...installation.config,
    ...config,
  ];
  await writeFile(at('rabbitmq.conf'), `${lines.join('\n')}\n`);
  return {
    folder,
    port,
    metricsUrl: metrics ? `http://127.0.0.1:${metricsPort}/metrics` : undefined,
    overTls: authority && { urls: [`amqps://guest:guest@127.0.0.1:${tlsPort}`], ca: Buffer.from(authority.ca) },
    env: {
      PATH: installation.path,
      HOME: at('home'),
      LANG: 'C.UTF-8',
      // the start script then becomes Erlang: its pid is the node's, and SIGTERM stops it cleanly
      RUNNING_UNDER_SYSTEMD: '1',
      ERL_EPMD_PORT: String(family.epmdPort),
      ERL_EPMD_ADDRESS: '127.0.0.1',
      ERL_ZFLAGS: '-kernel inet_dist_use_interface {127,0,0,1}', // the node's, and rabbitmqctl's too
      ERL_CRASH_DUMP_SECONDS: '0',
      RABBITMQ_NODENAME: nodeName(family, member),
      RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
      RABBITMQ_NODE_PORT: String(port),
      RABBITMQ_DIST_PORT: String(distPort),
      RABBITMQ_CONF_ENV_FILE: '/dev/null', // not the machine's own settings
      RABBITMQ_CONFIG_FILE: at('rabbitmq.conf'),
      RABBITMQ_CONFIG_FILES: at('conf.d/*.conf'),
      RABBITMQ_ADVANCED_CONFIG_FILE: at('advanced.config'),
      RABBITMQ_ENABLED_PLUGINS_FILE: at('enabled_plugins'),
      RABBITMQ_GENERATED_CONFIG_DIR: at('config'),
      RABBITMQ_SCHEMA_DIR: at('schema'),
      RABBITMQ_PLUGINS_EXPAND_DIR: at('plugins-expand'),
      RABBITMQ_MNESIA_BASE: at('data'),
      RABBITMQ_PID_FILE: at('pid'),
      RABBITMQ_LOG_BASE: at('log'),
      RABBITMQ_LOGS: '-',
    },
  };
}
