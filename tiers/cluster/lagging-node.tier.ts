import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { floor } from '../../src/measure/contenders/floor/floor.ts';
import { designs } from '../../src/measure/contenders/implementation.ts';
import type { RpcError } from '../../src/protocol/errors.ts';
import type { PrivateBroker } from '../../src/rabbitmq/broker.ts';
import type { PrivateCluster } from '../../src/rabbitmq/cluster.ts';
import { startTestCluster } from '../../test-helpers/own-broker.ts';
import { until } from '../../test-helpers/processes.ts';
import { openRaw, type Scope, startClient, startWorker, testQueue } from '../../test-helpers/rpc.ts';

// Where RabbitMQ keeps its metadata in Khepri (since 4.2), a queue is declared once a majority of the nodes knows it; in
// Mnesia (before), once all do. https://www.rabbitmq.com/docs/metadata-store/everyday-operations

/** Connections that come, call once and go, for each design: where nodes don't lag on purpose. */
const LIVES = 200;
const LANES = 20;

let started: PrivateCluster | undefined;
before(async () => {
  started = await startTestCluster();
});
after(() => started?.[Symbol.asyncDispose]());

/** The parts of the nodes: callers are on `home`, workers on `lagging`, whose metadata can stand still. */
interface Roles {
  readonly home: PrivateBroker;
  readonly lagging: PrivateBroker;
  readonly khepri: boolean;
  /** Messages that the lagging node's channels found no queue for, as it counts them itself. */
  unroutable(kind: 'dropped' | 'returned'): Promise<number>;
  /** Holds up the news of queues on their way to the lagging node until it is called again. */
  hold(t: Scope): Promise<() => Promise<void>>;
}

async function roles(): Promise<Roles> {
  const { nodes = [] } = started ?? {};
  const [first] = nodes;
  assert.ok(first);
  const khepri = Number(first.version.split('.')[0]) >= 4;
  // the leader writes for all, so that it is never behind, and is not what others wait for: it is to be the third node
  const question = 'element(2, ra_leaderboard:lookup_leader(rabbitmq_metadata)) =:= node().';
  const leads = await Promise.all(
    nodes.map(async (node) => khepri && (await node.ctl('eval', question)).trim() === 'true'),
  );
  const [home, lagging] = nodes.filter((_, index) => !leads[index]);
  assert.ok(home && lagging);
  return {
    home,
    lagging,
    khepri,
    async unroutable(kind) {
      const text = await (await fetch(String(lagging.metricsUrls?.[0]))).text();
      const lines = text.matchAll(
        new RegExp(`^rabbitmq_global_messages_unroutable_${kind}_total\\{.*\\} (\\d+)`, 'gm'),
      );
      return [...lines].reduce((sum, [, count]) => sum + Number(count), 0);
    },
    async hold(t) {
      const process = khepri ? 'rabbitmq_metadata' : 'mnesia_tm';
      await lagging.ctl('eval', `sys:suspend(${process}).`);
      let held = true;
      const release = async () => {
        if (held) await lagging.ctl('eval', `sys:resume(${process}).`);
        held = false;
      };
      t.after(release);
      return release;
    },
  };
}

/** A worker as the tutorial's: it answers where the request says, and never learns what became of the reply. */
async function serveAsTheTutorial(t: Scope, { lagging }: Roles, queue: string): Promise<void> {
  const { channel, publish } = await openRaw(t, lagging.url);
  await channel.basicConsume({ queue, noAck: true }, ({ replyTo = '', correlationId }) =>
    publish(replyTo, 'answer', { correlationId }),
  );
}

test("with a tutorial's worker, the reply to a queue that its node has not heard of is dropped, and a direct reply is not", async (t) => {
  const cluster = await roles();
  const queue = await testQueue(t, { url: cluster.home.url });
  await serveAsTheTutorial(t, cluster, queue);
  const dropped = await cluster.unroutable('dropped');
  const release = await cluster.hold(t);
  const open = (reply: (typeof designs)[number]) =>
    startClient(t, { urls: cluster.home.url, queue, reply, timeout: cluster.khepri ? 3_000 : 60_000 }).client;
  const calls = ['exclusive' as const, 'per-request' as const].map((reply) => open(reply).call('x'));
  assert.equal(String((await open('direct').call('x')).body), 'answer', 'while the node lags');
  if (cluster.khepri) {
    for (const call of calls)
      await assert.rejects(call, ({ code, reason }: RpcError) => code === 'DEADLINE_EXCEEDED' && reason === 'TIMEOUT');
    assert.equal((await cluster.unroutable('dropped')) - dropped, calls.length, 'and the direct reply is none of them');
    await release();
  } else {
    await release(); // until then the queues are not even declared
    for (const call of calls) assert.equal(String((await call).body), 'answer');
  }
});

test('our worker sends that reply again, and the call is answered when its node has heard of the queue', async (t) => {
  const cluster = await roles();
  for (const reply of designs) {
    const queue = await testQueue(t, { url: cluster.home.url });
    const answer = 'x'.repeat(1_000); // longer than any request that it takes
    await startWorker(t, () => answer, { urls: cluster.lagging.url, queue, maxRequestBytes: 64 });
    const returned = await cluster.unroutable('returned');
    const { client } = startClient(t, { urls: cluster.home.url, queue, reply, timeout: 60_000 });
    const release = await cluster.hold(t);
    const call = client.call('x');
    const back = () => cluster.unroutable('returned').then((now) => now > returned);
    if (cluster.khepri && reply !== 'direct') await until('the reply came back', back); // in Mnesia the queue is not declared yet
    await release();
    assert.equal(String((await call).body), answer, reply);
    if (reply === 'direct') assert.equal(await back(), false, 'a direct reply never comes back');
  }
});

test('every call that gets no reply is one that the broker counts as unroutable, when nobody holds anything up', async (t) => {
  const cluster = await roles();
  const queue = await testQueue(t, { url: cluster.home.url });
  const where = { tls: undefined, queue };
  const serving = {
    prefetch: 100,
    answer: () => Buffer.from('answer'),
    onEnd: (error: Error) => t.diagnostic(error.message),
  };
  const server = await floor.serve({ ...where, url: cluster.lagging.url }, serving);
  t.after(() => server.close());
  for (const design of designs) {
    const before = await cluster.unroutable('dropped');
    let left = LIVES;
    let unanswered = 0;
    const lane = async () => {
      while (left-- > 0) {
        const caller = floor.open(design, { ...where, url: cluster.home.url });
        await caller.call('x', AbortSignal.timeout(6_000)).catch(() => unanswered++);
        await caller.close();
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    const dropped = (await cluster.unroutable('dropped')) - before;
    t.diagnostic(`${design}: ${LIVES} calls, ${unanswered} without a reply, ${dropped} replies counted as unroutable`);
    if (design === 'direct' || !cluster.khepri) assert.equal(unanswered, 0);
    if (design !== 'direct') assert.equal(unanswered, dropped); // 3.10 counts each direct reply as unroutable
  }
});
