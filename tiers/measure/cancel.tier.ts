import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { loadavg } from 'node:os';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { median, percentile } from '../../src/measure/analysis/statistics.ts';
import type { RequestHandler } from '../../src/worker/worker.ts';
import { startTestBroker, startTestCluster } from '../../test-helpers/own-broker.ts';
import { openClient, startWorker, testQueue, until } from '../../test-helpers/rpc.ts';

// Prints what cancelling takes and what `started` costs; docs/how-fast.md quotes it. Client and worker are one process.

/** Calls that are cancelled, one after the other. */
const CANCELS = 500;

/** Rounds of each kind of call, in turn with and without `started`. */
const ROUNDS = 5;

/** Prints how long it takes from `abort()` to the function's signal. */
async function cancelMany(t: TestContext, where: string, clientUrl: string, workerUrl: string): Promise<void> {
  const queue = await testQueue(t, { url: workerUrl });
  let signalled = (_: number) => {};
  const handler: RequestHandler = (_, { signal }) =>
    new Promise((_, reject) => {
      signal.addEventListener('abort', () => {
        signalled(performance.now());
        reject(signal.reason);
      });
    });
  const { worker } = await startWorker(t, handler, { queue, urls: workerUrl, startedAfter: 1 });
  const { client } = openClient(t, { urls: clientUrl, timeout: 600_000 });
  let control = new AbortController();
  let aborted = 0;
  client.on('started', () => {
    aborted = performance.now();
    control.abort();
  });
  const took: number[] = [];
  while (took.length < CANCELS) {
    control = new AbortController();
    const told = new Promise<number>((resolve) => {
      signalled = resolve;
    });
    await assert.rejects(client.call(queue, '', { signal: control.signal }), { name: 'AbortError' });
    took.push((await told) - aborted);
  }
  await until(() => worker.stats().cancelled === CANCELS);
  const [p50, p99] = [percentile(took, 50), percentile(took, 99)].map((ms) => ms.toFixed(2));
  console.log(`${where}: aborted to signalled p50 ${p50} ms, p99 ${p99} ms (${CANCELS} calls; load ${load()})`);
}

function load(): string {
  return loadavg()[0]?.toFixed(1) ?? '';
}

describe('a cancel', () => {
  test('reaches the function over one node', async (t) => {
    const broker = await startTestBroker();
    t.after(() => broker[Symbol.asyncDispose]());
    await cancelMany(t, `RabbitMQ ${broker.version}`, broker.url, broker.url);
  });

  test('reaches the function from another node of a cluster', async (t) => {
    const cluster = await startTestCluster();
    t.after(() => cluster[Symbol.asyncDispose]());
    const [client = '', worker = ''] = cluster.nodes.map(({ url }) => url);
    await cancelMany(t, `RabbitMQ ${cluster.version}, across nodes`, client, worker);
  });
});

test('what started costs calls', async (t) => {
  const broker = await startTestBroker();
  t.after(() => broker[Symbol.asyncDispose]());
  const kinds: readonly { name: string; handler: RequestHandler; calls: number }[] = [
    { name: 'that are answered at once', handler: () => 'x', calls: 2_000 },
    { name: 'of 1 ms', handler: () => delay(1, 'x'), calls: 2_000 },
    { name: 'of 100 ms', handler: () => delay(100, 'x'), calls: 500 },
  ];
  for (const { name, handler, calls } of kinds) {
    const queues = await Promise.all(
      [20, 0].map(async (startedAfter) => {
        const queue = await testQueue(t, { url: broker.url });
        await startWorker(t, handler, { queue, urls: broker.url, prefetch: 100, startedAfter });
        return queue;
      }),
    );
    const { client } = openClient(t, { urls: broker.url, maxInFlight: 50 });
    const perSecond: number[] = [];
    const cpu: number[] = [];
    const more: number[] = [];
    for (let round = -1; round < ROUNDS; round++) {
      const runs = [];
      for (const queue of queues) {
        const began = performance.now();
        const before = process.cpuUsage();
        await Promise.all(Array.from({ length: calls }, () => client.call(queue, '1')));
        const { user, system } = process.cpuUsage(before);
        runs.push({ seconds: (performance.now() - began) / 1_000, cpu: user + system });
      }
      const [told, never] = runs;
      if (!told || !never || round < 0) continue; // the first is for warming up
      perSecond.push(never.seconds / told.seconds);
      cpu.push(told.cpu / never.cpu);
      more.push((told.cpu - never.cpu) / calls);
    }
    const [speed, time] = [median(perSecond), median(cpu)].map((ratio) => ratio.toFixed(3));
    console.log(
      `calls ${name}, 50 in flight, with started against never: ${speed} × the calls/s, ${time} × the processor time of client and worker, ${median(more).toFixed(1)} µs more a call (medians of ${ROUNDS}; load ${load()})`,
    );
  }
});
