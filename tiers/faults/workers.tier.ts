import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openGate } from '../../test-helpers/gate.ts';
import type { Running } from '../../test-helpers/programs.ts';
import { brokerForFile, type Outcome, type Stage, stopInOrder, underLoad } from './stage.ts';

/** AMQP's numbers of what a worker says: https://www.rabbitmq.com/amqp-0-9-1-reference */
const PUBLISH = [60, 40] as const;
const ACK = [60, 80] as const;

/** Numbers that take the recursive algorithm long enough to be caught at. */
const slow = { workerArgs: ['--algorithm', 'recursive', '--log-requests'], range: [18, 24] } as const;

describe('no call fails', () => {
  const broker = brokerForFile();

  test('when a worker is killed before it computes', async (t) => {
    const outcome = await underLoad(t, { broker: broker(), fault: 'worker killed before computing' }, async (stage) => {
      const [victim] = stage.workers;
      assert.ok(victim);
      victim.child.kill('SIGSTOP'); // what it is sent from now on, it never reads
      await stage.load.goesOn(20);
      await stage.kill(victim);
      stage.workers.push(await stage.startWorker());
    });
    assert.ok(redelivered(outcome) > 0);
  });

  test('when a worker is killed while it computes', async (t) => {
    const fault = 'worker killed while computing';
    const outcome = await underLoad(t, { broker: broker(), fault, ...slow }, async (stage) => {
      const { answered, worker } = await slowRequestInHand(stage, 33);
      await stage.kill(worker);
      stage.workers.push(await stage.startWorker());
      assert.equal(await answered, true);
    });
    assert.ok(redelivered(outcome) > 0);
  });

  test('when a worker is killed after it computed, before its reply left', async (t) => {
    const gate = await openGate(t, broker().url);
    const outcome = await underLoad(t, { broker: broker(), fault: 'worker killed after computing' }, async (stage) => {
      const replied = gate.holdUpFrom(...PUBLISH);
      const victim = await stage.startWorker({ url: gate.url });
      stage.workers.push(victim);
      await replied;
      await stage.kill(victim);
    });
    assert.ok(redelivered(outcome) > 0);
  });

  test('when a worker is killed between reply and ack, and the second reply is discarded', async (t) => {
    const gate = await openGate(t, broker().url);
    let kills = 0;
    const fault = 'worker killed between reply and ack';
    const designs = ['direct', 'exclusive'] as const; // a queue per request is gone when its second reply comes
    const outcome = await underLoad(t, { broker: broker(), fault, designs }, async (stage) => {
      const acked = gate.holdUpFrom(...ACK);
      const victim = await stage.startWorker({ url: gate.url });
      stage.workers.push(victim);
      await acked;
      await stage.load.goesOn(20); // or a busy broker would lose the reply with the connection, before it has read it
      await stage.kill(victim);
      kills++;
      while (Number(stage.discarded().duplicate) < kills) await stage.load.goesOn(1);
    });
    assert.equal(outcome.discarded.duplicate, kills);
  });

  test('when a worker is stopped for longer than heartbeats, and goes on', async (t) => {
    const fault = 'worker stopped, then continued';
    const workerUrl = `${broker().url}?heartbeat=1`;
    const outcome = await underLoad(t, { broker: broker(), fault, workerUrl, ...slow }, async (stage) => {
      const { answered, worker } = await slowRequestInHand(stage, 33);
      const before = worker.records('consuming').length;
      worker.child.kill('SIGSTOP');
      while ((await consumers(stage)) === stage.workers.length) await sleep(100); // until the broker gives it up
      assert.equal(await answered, true); // by another one
      worker.child.kill('SIGCONT');
      await worker.says(/"event":"consuming"/, before + 1);
    });
    assert.ok(redelivered(outcome) > 0);
  });

  test('when workers are replaced one after the other, each by SIGTERM', async (t) => {
    let answered = 0;
    const { totals, load } = await underLoad(
      t,
      { broker: broker(), fault: 'rolling restart by SIGTERM', ...slow },
      async ({ workers, startWorker }) => {
        for (const old of [...workers]) {
          workers.push(await startWorker());
          workers.splice(workers.indexOf(old), 1);
          const { unfinished, answered: did } = await stopInOrder(old);
          assert.equal(unfinished, 0);
          answered += did;
        }
      },
    );
    for (const worker of totals) answered += worker.answered;
    assert.equal(answered, load.right, 'each request was answered once');
  });
});

/** Calls for a number that takes a while, until a worker is seen to have begun with it: its log tells only some of them each second. */
async function slowRequestInHand(
  { load, callers, workers }: Stage,
  n: number,
): Promise<{ answered: Promise<boolean>; worker: Running }> {
  const [caller] = callers;
  assert.ok(caller);
  const begun = `"function":"fib","request":"${n}"`;
  for (;;) {
    const before = workers.map(({ stderr }) => stderr.length);
    let waiting = true;
    const answered = load.call(caller, n).finally(() => {
      waiting = false;
    });
    while (waiting) {
      const worker = workers.find(({ stderr }, index) => stderr.includes(begun, before[index]));
      if (worker) return { answered, worker };
      await sleep(1);
    }
    assert.equal(await answered, true);
  }
}

/** How many workers the broker knows. */
async function consumers({ callers: [caller] }: Stage): Promise<number | undefined> {
  return (await caller?.client.inspectQueue(caller.queue))?.consumerCount;
}

function redelivered({ totals }: Outcome): number {
  return totals.reduce((sum, worker) => sum + worker.redelivered, 0);
}
