import { randomBytes } from 'node:crypto';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
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

/** Everything that tells one private node from another. */
export interface NodeSettings {
  readonly port: number;
  readonly env: Readonly<Record<string, string>>;
}

/** Lays out the folder of a node with its configuration and free ports; all it listens on is loopback. */
export async function layOutNode(
  folder: string,
  installation: Installation,
  { plugins = [], config = [] }: { plugins?: readonly string[] | undefined; config?: readonly string[] | undefined },
): Promise<NodeSettings> {
  const at = (...names: string[]) => path.join(folder, ...names);
  const [port = 0, distPort = 0, epmdPort = 0] = await freePorts(3);
  for (const name of ['home', 'data', 'log']) await mkdir(at(name));
  await writeFile(at('home/.erlang.cookie'), randomBytes(16).toString('hex'));
  await chmod(at('home/.erlang.cookie'), 0o400); // Erlang refuses a cookie that others can read
  await writeFile(at('enabled_plugins'), `[${plugins.join(',')}].\n`);
  // 50 MB: on a developer's nearly full disk a node of ours, which stores next to nothing, is not to block publishers
  const lines = [
    'loopback_users = none',
    'log.console = true',
    'disk_free_limit.absolute = 50MB',
    ...installation.config,
    ...config,
  ];
  await writeFile(at('rabbitmq.conf'), `${lines.join('\n')}\n`);
  return {
    port,
    env: {
      PATH: installation.path,
      HOME: at('home'),
      LANG: 'C.UTF-8',
      // the start script then becomes Erlang: its pid is the node's, and SIGTERM stops it cleanly
      RUNNING_UNDER_SYSTEMD: '1',
      ERL_EPMD_PORT: String(epmdPort),
      ERL_EPMD_ADDRESS: '127.0.0.1',
      ERL_ZFLAGS: '-kernel inet_dist_use_interface {127,0,0,1}', // the node's, and rabbitmqctl's too
      ERL_CRASH_DUMP_SECONDS: '0',
      RABBITMQ_NODENAME: `fib${randomBytes(6).toString('hex')}@localhost`,
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
