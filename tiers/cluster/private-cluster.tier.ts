import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { connect } from '../../src/amqp/dial.ts';
import { parseAmqpUrl } from '../../src/amqp/url.ts';
import type { PrivateCluster } from '../../src/rabbitmq/cluster.ts';
import { identify } from '../../src/rabbitmq/identify.ts';
import { openMetrics } from '../../src/rabbitmq/metrics.ts';
import { folderOf, startTestCluster } from '../../test-helpers/own-broker.ts';
import { noProcesses, processesOf, until } from '../../test-helpers/processes.ts';
import { disposeAfter } from '../../test-helpers/rpc.ts';

const queue = 'fib-worker.test.cluster';

/** The nodes that run, as one of them sees it. */
async function membersSeenBy(cluster: PrivateCluster, index: number): Promise<string[]> {
  const answer = await cluster.nodes[index]?.ctl('-q', 'cluster_status', '--formatter', 'json');
  return (JSON.parse(answer ?? '') as { running_nodes: string[] }).running_nodes.sort();
}

/** How many consumers a queue has, asked on one node; undefined if there is no such queue. */
async function consumersOn(url: string): Promise<number | undefined> {
  const connection = await connect(parseAmqpUrl(url));
  try {
    return (await (await connection.openChannel()).queueDeclare({ queue, passive: true })).consumerCount;
  } catch (error) {
    if ((error as { code?: string }).code === 'NOT_FOUND') return undefined;
    throw error;
  } finally {
    connection.destroy();
  }
}

test('a private cluster of three', async (t) => {
  const cluster = disposeAfter(t, await startTestCluster());
  const [first] = cluster.nodes;
  const folder = (first && (await folderOf(first))) ?? '';

  await t.test('is one: each node sees all three, under names and ports of their own', async () => {
    const seen = await Promise.all([0, 1, 2].map((index) => membersSeenBy(cluster, index)));
    assert.equal(new Set(seen[0]).size, 3);
    assert.deepEqual(seen[1], seen[0]);
    assert.deepEqual(seen[2], seen[0]);
    assert.equal(new Set(cluster.urls).size, 3);
    for (const url of cluster.urls)
      assert.equal((await identify(parseAmqpUrl(url))).version, cluster.version, 'and all of one version');
    assert.match(cluster.description, /a cluster of 3 nodes of our own/);
  });

  await t.test('has one epmd', { skip: noProcesses }, () => {
    const commands = processesOf(folder);
    assert.equal(commands.filter((command) => /\/epmd\b/.test(command) && !/erl_child/.test(command)).length, 1);
  });

  await t.test(
    'shares its queues: one declared on a node is there on the others, and so in their metrics',
    async () => {
      const [first = '', ...others] = cluster.urls;
      const metrics = openMetrics(cluster.metricsUrls ?? []);
      const before = await metrics.read();
      const connection = await connect(parseAmqpUrl(first));
      try {
        const channel = await connection.openChannel();
        await channel.queueDeclare({ queue, durable: true });
        await channel.basicConsume({ queue }, () => {});
        for (const url of others) assert.equal(await consumersOn(url), 1);
        const now = await metrics.read();
        assert.equal((now.queuesCreated ?? 0) - (before.queuesCreated ?? 0), 1);
        await channel.queueDelete({ queue });
        for (const url of others) assert.equal(await consumersOn(url), undefined);
      } finally {
        connection.destroy();
      }
    },
  );

  await t.test('goes on without a node that was killed, and takes it back', async () => {
    const [first, , third] = cluster.nodes;
    if (!first || !third) throw new Error('three nodes were started');
    const all = await membersSeenBy(cluster, 0);
    await third.kill();
    await assert.rejects(identify(parseAmqpUrl(third.url)), { reason: 'NO_BROKER' });
    await until('two are left', async () => (await membersSeenBy(cluster, 0)).length === 2);
    const connection = await connect(parseAmqpUrl(first.url));
    try {
      const channel = await connection.openChannel();
      await channel.queueDeclare({ queue, durable: true });
      await third.start();
      await until('it is back', async () => (await membersSeenBy(cluster, 0)).length === 3);
      assert.deepEqual(await membersSeenBy(cluster, 2), all);
      assert.equal(await consumersOn(third.url), 0, 'it knows of what was declared while it was away');
      await channel.queueDelete({ queue });
    } finally {
      connection.destroy();
    }
  });

  await t.test('has nodes that stop cleanly by themselves, the others staying', async () => {
    await cluster.nodes[1]?.stop();
    await until('two are left', async () => (await membersSeenBy(cluster, 0)).length === 2);
    await cluster.nodes[1]?.start();
    await until('it is back', async () => (await membersSeenBy(cluster, 0)).length === 3);
  });

  await t.test('leaves nothing when disposed of', { skip: noProcesses }, async () => {
    assert.equal(existsSync(folder), true);
    assert.ok(processesOf(folder).length >= 3);
    await cluster[Symbol.asyncDispose]();
    assert.deepEqual(processesOf(folder), []);
    assert.equal(existsSync(folder), false);
    for (const url of cluster.urls) await assert.rejects(identify(parseAmqpUrl(url)), { reason: 'NO_BROKER' });
  });
});
