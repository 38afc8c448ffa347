import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Broker, PrivateBroker, PrivateBrokerOptions } from './broker.ts';
import { findInstalled } from './installed.ts';
import { authorityFor, PrivateNode, underGuard } from './node.ts';
import { type Family, type Installation, layOutNode, newFamily, nodeName } from './node-settings.ts';
import { findOrUnpack } from './unpacked.ts';

/** A RabbitMQ cluster of our own on this machine. Disposing of it leaves no process and no folder of any node. */
export interface PrivateCluster extends Broker {
  readonly owned: true;
  /**
   * The nodes, each to be stopped, killed and started again by itself; one that comes back is a member again. A node of 4.3
   * that is left without a majority doesn't stop cleanly, and is killed after 10 s. If all were stopped, start them at once:
   * each waits for the others.
   */
  readonly nodes: readonly PrivateBroker[];
}

/**
 * Starts a cluster out of an installed RabbitMQ or, with a `version` or where none is installed, of Debian's or Ubuntu's
 * packages. It takes 12 to 15 s, and is ready when every node is a member.
 *
 * @param options.nodes how many; default 3
 * @throws an Error that says what would help if there is no RabbitMQ to start; the signal's reason if it was aborted
 */
export async function startPrivateCluster(
  options: PrivateBrokerOptions & { readonly nodes?: number },
): Promise<PrivateCluster> {
  const { nodes: count = 3, version, say, signal } = options;
  if (!Number.isInteger(count) || count < 2 || count > 9)
    throw new TypeError(`nodes: expected a whole number from 2 to 9 for a cluster, got ${count}`);
  const installation = (version ? undefined : await findInstalled()) ?? (await findOrUnpack(options));
  if (!installation)
    throw new Error(
      'a cluster needs an installed RabbitMQ (apt-get install rabbitmq-server, brew install rabbitmq) or a Debian or Ubuntu ' +
        'whose packages it can unpack, and there is neither here',
    );
  say(`starting a cluster of ${count} nodes`);
  return underGuard(async (guard) => {
    const family = await newFamily();
    const authority = authorityFor(options);
    const shared = { env: guard.env, async [Symbol.asyncDispose]() {} };
    const nodes: PrivateNode[] = [];
    for (let member = 1; member <= count; member += 1) {
      const folder = path.join(guard.folder, `n${member}`);
      await mkdir(folder);
      const config = [...(options.config ?? []), ...(member > 1 ? toJoin(family, member) : [])];
      const settings = await layOutNode(folder, installation, family, member, { ...options, config }, authority);
      nodes.push(new PrivateNode(installation, shared, settings));
    }
    const [first, ...others] = nodes;
    await first?.start(signal);
    await Promise.all(others.map((node) => node.start(signal)));
    await first?.ctl('-q', 'await_online_nodes', String(count));
    signal?.throwIfAborted();
    return assemble(nodes, installation, async () => {
      // their data goes with them: no need to stop them one after the other, cleanly, while there is a majority
      await Promise.all(nodes.map((node) => node.kill()));
      await guard[Symbol.asyncDispose]();
    });
  });
}

/**
 * Configuration for a node that joins the first one, when it starts for the first time. The first knows of no others: 4.3 would
 * have it wait 100 s for them. So it starts alone, and the others then need not agree on who is to be first.
 *
 * @see https://www.rabbitmq.com/docs/cluster-formation
 */
function toJoin(family: Family, member: number): string[] {
  return [
    'cluster_formation.peer_discovery_backend = classic_config',
    `cluster_formation.classic_config.nodes.1 = ${nodeName(family, 1)}`,
    `cluster_formation.classic_config.nodes.2 = ${nodeName(family, member)}`,
  ];
}

function assemble(
  nodes: readonly PrivateBroker[],
  installation: Installation,
  dispose: () => Promise<void>,
): PrivateCluster {
  const urls = nodes.map(({ url }) => url);
  const metricsUrls = nodes.flatMap((node) => node.metricsUrls ?? []);
  const version = nodes[0]?.version ?? '';
  const ports = urls.map((url) => new URL(url).port).join(', ');
  return {
    url: urls[0] ?? '',
    urls,
    metricsUrls: metricsUrls.length ? metricsUrls : undefined,
    overTls: nodes[0]?.overTls && { ...nodes[0].overTls, urls: nodes.flatMap(({ overTls }) => overTls?.urls ?? []) },
    version,
    owned: true,
    description: `RabbitMQ ${version}, a cluster of ${nodes.length} nodes of our own on ports ${ports} (${installation.origin})`,
    nodes,
    [Symbol.asyncDispose]: dispose,
  };
}
