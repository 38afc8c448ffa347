import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RpcWorker, WorkerEvent } from '../../src/worker/worker.ts';
import { openProxy } from '../../test-helpers/proxy.ts';
import { type Scope, startClient, startWorker, testQueue, until } from '../../test-helpers/rpc.ts';

const echo = ({ body }: { body: Buffer }) => `echo ${body}`;
const slowly = async (request: { body: Buffer }) => {
  await sleep(Math.random() * 20);
  return echo(request);
};

const atMaximum = (events: readonly WorkerEvent[]) => events.filter(({ type }) => type === 'max-requests');

/** Asks `count` times; the answers, and a check that each is right. */
function ask(t: Scope, queue: string, count: number) {
  const { client } = startClient(t, { queue, timeout: 60_000 });
  const calls = Array.from({ length: count }, (_, n) => client.call(String(n)));
  return {
    allRight: async () => {
      const answers = await Promise.all(calls);
      assert.deepEqual(
        answers.map(({ body }) => String(body)),
        calls.map((_, n) => `echo ${n}`),
      );
    },
  };
}

function totals(workers: readonly RpcWorker[]) {
  const sum = (key: 'requests' | 'redelivered' | 'answered' | 'abandoned') =>
    workers.reduce((total, worker) => total + worker.stats()[key], 0);
  return { requests: sum('requests'), redelivered: sum('redelivered'), answered: sum('answered') };
}

describe('a worker with maxRequests', { concurrency: true }, () => {
  for (const type of ['classic', 'quorum'])
    for (const [name, handler] of [
      ['quick', echo],
      ['slow', slowly],
    ] as const)
      test(`gets not one more, and loses none: ${name} work, ${type} queue`, async (t) => {
        for (const prefetch of [1, 2, 10])
          for (const maxRequests of [1, 2, 3, 10, 11, 37]) {
            const queue = await testQueue(t, { args: { 'x-queue-type': type } });
            const asked = ask(t, queue, maxRequests + 15);
            const first = await startWorker(t, handler, { queue, prefetch, maxRequests });
            await until(() => atMaximum(first.events).length > 0);
            const stats = first.worker.stats();
            assert.deepEqual([stats.requests, stats.answered, stats.inFlight], [maxRequests, maxRequests, 0]);
            const second = await startWorker(t, echo, { queue, prefetch });
            await asked.allRight();
            const { requests, redelivered } = second.worker.stats();
            // what a quorum queue had assigned to the cancelled consumer comes back
            const most = type === 'quorum' ? prefetch - 1 : 0;
            const all = redelivered + first.worker.stats().redelivered;
            assert.equal(requests, 15, `prefetch ${prefetch}, at most ${maxRequests}`);
            assert.ok(all <= most, `${all} redelivered, prefetch ${prefetch}, at most ${maxRequests}`);
            assert.equal(atMaximum(first.events).length, 1);
            await Promise.all([first.worker.close(), second.worker.close()]);
          }
      });

  test('gets exactly that many when they come one by one', async (t) => {
    const queue = await testQueue(t);
    const { worker, events } = await startWorker(t, echo, { queue, prefetch: 10, maxRequests: 25 });
    const { client } = startClient(t, { queue, timeout: 60_000 });
    for (let n = 0; n < 25; n++) assert.equal(String((await client.call(String(n))).body), `echo ${n}`);
    await until(() => atMaximum(events).length > 0);
    assert.deepEqual(totals([worker]), { requests: 25, redelivered: 0, answered: 25 });
  });

  for (const type of ['classic', 'quorum'])
    test(`shares a ${type} queue with others, prefetch 10, until each has had its maximum; each is answered once`, async (t) => {
      const queue = await testQueue(t, { args: { 'x-queue-type': type } });
      const limits = [5, 25, 40, 80, 100];
      const workers = await Promise.all(
        limits.map((maxRequests) => startWorker(t, slowly, { queue, prefetch: 10, maxRequests })),
      );
      await ask(t, queue, 250).allRight();
      await until(() => workers.every(({ events }) => atMaximum(events).length === 1));
      assert.deepEqual(
        workers.map(({ worker }) => worker.stats().requests),
        limits,
      );
      const { redelivered, ...rest } = totals(workers.map(({ worker }) => worker));
      assert.deepEqual(rest, { requests: 250, answered: 250 });
      assert.ok(redelivered <= (type === 'quorum' ? limits.length * 9 : 0), `${redelivered} redelivered`);
    });

  test('counts what it got before its connection was cut, and ends without another if that was all', async (t) => {
    const queue = await testQueue(t);
    const proxy = await openProxy(t);
    let go = () => {};
    const gate = new Promise<void>((resolve) => (go = resolve));
    const handler = async (request: { body: Buffer }) => {
      await gate;
      return echo(request);
    };
    const first = await startWorker(t, handler, { urls: proxy.url, queue, prefetch: 10, maxRequests: 4 });
    const asked = ask(t, queue, 4);
    for (let requests = 1; requests <= 4; requests++) {
      await until(() => first.worker.stats().requests === requests);
      proxy.cut();
    }
    await until(() => atMaximum(first.events).length === 1);
    go();
    await startWorker(t, echo, { queue });
    await asked.allRight();
    assert.deepEqual([first.worker.stats().requests, first.worker.stats().answered], [4, 0]);
  });

  test('closes in order whenever it is told to, also while it slows down for its last ones', async (t) => {
    const queue = await testQueue(t);
    for (let round = 0; round < 30; round++) {
      const { worker } = await startWorker(t, slowly, { queue, prefetch: 10, maxRequests: 20 });
      const asked = ask(t, queue, 18);
      await until(() => worker.stats().requests >= round % 18);
      await worker.close();
      assert.equal(worker.stats().abandoned, 0);
      const second = await startWorker(t, echo, { queue, prefetch: 10 });
      await asked.allRight();
      assert.deepEqual(totals([worker, second.worker]), { requests: 18, redelivered: 0, answered: 18 });
      await second.worker.close();
    }
  });
});
