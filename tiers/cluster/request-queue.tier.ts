import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { replyDesigns } from '../../src/client/designs/index.ts';
import type { PrivateCluster } from '../../src/rabbitmq/cluster.ts';
import { startTestCluster } from '../../test-helpers/own-broker.ts';
import { until } from '../../test-helpers/processes.ts';
import { runClient, start, startWorker, uniqueQueue } from '../../test-helpers/programs.ts';
import { openRaw } from '../../test-helpers/rpc.ts';
import { fib } from '../faults/load.ts';

let started: PrivateCluster | undefined;
before(async () => {
  started = await startTestCluster();
});
after(() => started?.[Symbol.asyncDispose]());

function cluster() {
  const [home, holder] = started?.nodes ?? [];
  assert.ok(home && holder);
  return { home, holder, both: `${holder.url},${home.url}` };
}

test('requests wait in a quorum queue though its leader is killed, and a worker that comes later answers all of them', async (t) => {
  const { home, holder, both } = cluster();
  const queue = uniqueQueue(t, home.url);
  const first = await startWorker(t, ['--queue', queue, '--queue-type', 'quorum'], { url: both });
  assert.equal((await first.stop()).code, 0);
  const numbers = Array.from({ length: 20 }, (_, n) => String(n * 10));
  const clients = Object.keys(replyDesigns).map((reply) =>
    start(t, 'client.js', ['--queue', queue, '--reply', reply, '-t', '90s', '--quiet', ...numbers], { url: home.url }),
  );
  const asked = numbers.length * clients.length;
  const { channel } = await openRaw(t, home.url);
  const waiting = async () => (await channel.queueDeclare({ queue, passive: true })).messageCount;
  await until('all of them wait', async () => (await waiting()) === asked);
  const leader = /"(.+)"/.exec(await holder.ctl('eval', 'atom_to_list(node()).'))?.[1] ?? '';
  const leaders = await home.ctl('-q', 'list_queues', 'name', 'leader');
  assert.match(leaders, new RegExp(`${queue}\\t${leader}`));
  await holder.kill();
  await startWorker(t, ['--queue', queue], { url: both });
  for (const client of clients) {
    const { code, stdout, stderr } = await client.end();
    assert.equal(code, 0, stderr);
    assert.deepEqual(
      stdout.trim().split('\n'),
      numbers.map((n) => String(fib(Number(n)))),
    );
  }
  t.diagnostic(`${asked} requests waited, ${asked} were answered`);
  await holder.start();
});

test('a classic queue is gone for as long as its node is, which worker and client say; then they go on', async (t) => {
  const { home, holder, both } = cluster();
  const queue = uniqueQueue(t, home.url);
  const isDown = new RegExp(`the node of the cluster that holds the queue '${queue}' is down: start it again`);
  const worker = await startWorker(t, ['--queue', queue, '--queue-type', 'classic'], { url: both });
  const ask = (timeout: string) => runClient(t, ['--queue', queue, '-t', timeout, '10'], { url: home.url });
  assert.equal((await ask('60s')).stdout, ' [.] Got 55\n');
  await holder.ctl('stop_app');
  await worker.says(isDown);
  assert.doesNotMatch(worker.stderr, /was deleted/);
  const { code, stdout, stderr } = await ask('5s');
  assert.equal(stdout, '');
  if (home.version.startsWith('3.')) {
    // Mnesia forgets a queue while its node is down: the request comes back
    assert.match(stderr, /UNAVAILABLE: there is no queue .* in a cluster whether all nodes are up/);
    assert.equal(code, 5, stderr);
  } else {
    // Khepri doesn't, and the request is dropped: only asking for the queue tells
    assert.match(stderr, isDown);
    assert.match(stderr, /DEADLINE_EXCEEDED: no reply/);
    assert.equal(code, 4, stderr);
  }
  await holder.ctl('start_app');
  await worker.says(/"event":"consuming"/, 2);
  assert.equal((await ask('60s')).stdout, ' [.] Got 55\n');
});
