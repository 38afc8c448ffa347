import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { RpcClient } from '../../src/client/client.ts';
import type { PrivateCluster } from '../../src/rabbitmq/cluster.ts';
import { startTestCluster } from '../../test-helpers/own-broker.ts';
import { cleanUp } from '../../test-helpers/programs.ts';
import { census } from './census.ts';
import { fib } from './load.ts';
import { underLoad } from './stage.ts';

/** Clients on the node that dies, each with an address of its own. */
const CLIENTS = 20;

let started: PrivateCluster | undefined;
before(async () => {
  started = await startTestCluster();
});
after(() => started?.[Symbol.asyncDispose]());

test('callers whose node dies cost each worker at most one reconnect, and ask again on another node', async (t) => {
  const [home, other, dying] = started?.nodes ?? [];
  assert.ok(home && other && dying);
  let deaths = 0;
  let lost: number[] = [];
  const fault = 'addresses on a node that died';
  await underLoad(t, { broker: home, fault }, async ({ queue, workers }) => {
    const clients = Array.from({ length: CLIENTS }, () => {
      const client = new RpcClient({ urls: [dying.url, other.url], retry: true, timeout: 60_000 });
      cleanUp(t, () => client.close({ grace: 0 }));
      return client;
    });
    for (const { child } of workers) child.kill('SIGSTOP'); // so that all their requests are pending
    const calls = clients.map((client) => client.call(queue, '40'));
    while (Number((await census(home)).queues[queue]) < CLIENTS);
    await dying.kill();
    deaths++;
    for (const { child } of workers) child.kill('SIGCONT');
    for (const { body } of await Promise.all(calls)) assert.equal(String(body), String(fib(40)));
    await Promise.all(clients.map((client) => client.close()));
    await dying.start();
    lost = workers.map((worker) => worker.records('disconnected').length);
  });
  t.diagnostic(`connections lost by each worker: ${lost}, for ${CLIENTS * deaths} addresses on ${home.version}`);
  // from the first one on a worker looks up its callers
  for (const count of lost) assert.ok(count <= deaths, `${count} connections lost for ${deaths} deaths of a node`);
  if (!home.version.startsWith('3.')) assert.deepEqual(new Set(lost), new Set([0])); // the reply is dropped instead
});
