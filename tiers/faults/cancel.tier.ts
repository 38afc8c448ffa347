import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { RpcClient } from '../../src/client/client.ts';
import { DIRECT_REPLY_TO } from '../../src/protocol/reply-address.ts';
import { openGate } from '../../test-helpers/gate.ts';
import { until } from '../../test-helpers/processes.ts';
import { cleanUp, start, startWorker, uniqueQueue } from '../../test-helpers/programs.ts';
import { openRaw } from '../../test-helpers/rpc.ts';
import { brokerForFile, stopInOrder, underLoad } from './stage.ts';

/** A function that computes for ever, in a thread: fib(60) by the recursive algorithm takes hours. */
const FOR_EVER = '60';
const slow = ['--algorithm', 'recursive', '--threads', '1', '--started-after', '1ms', '--log-requests'];

const broker = brokerForFile();

/** A call that computes for ever, and that can be given up. */
function callForEver(t: TestContext, queue: string, url = broker().url) {
  const client = new RpcClient({ urls: url, timeout: 600_000 });
  cleanUp(t, () => client.close({ grace: 0 }));
  const control = new AbortController();
  let started = 0;
  client.on('started', () => started++);
  const call = client.call(queue, FOR_EVER, { signal: control.signal });
  call.catch(() => {});
  return {
    call,
    started: (times: number) => until(`it started ${times} times`, () => started >= times),
    giveUp: () => control.abort(),
  };
}

describe('a call that is given up', () => {
  test('after its worker was killed stops the one that has it then', async (t) => {
    const queue = uniqueQueue({ after: (end) => cleanUp(t, end) }, broker().url);
    const first = await startWorker(t, ['--queue', queue, ...slow], { url: broker().url });
    const { call, started, giveUp } = callForEver(t, queue);
    await started(1);
    await first.stop('SIGKILL');
    const second = await startWorker(t, ['--queue', queue, ...slow], { url: broker().url });
    await started(2);
    giveUp();
    await assert.rejects(call, { name: 'AbortError' });
    await second.says(/"event":"cancelled"/);
    const { requests, redelivered, cancelled, strayCancels } = await stopInOrder(second);
    assert.deepEqual(
      { requests, redelivered, cancelled, strayCancels },
      { requests: 1, redelivered: 1, cancelled: 1, strayCancels: 0 },
    );
  });

  test('after the worker’s connection was lost stops it by its new address', async (t) => {
    const queue = uniqueQueue({ after: (end) => cleanUp(t, end) }, broker().url);
    const gate = await openGate(t, broker().url);
    const worker = await startWorker(t, ['--queue', queue, ...slow], { url: gate.url });
    const { call, started, giveUp } = callForEver(t, queue);
    await started(1);
    gate.cut();
    await started(2);
    giveUp();
    await assert.rejects(call, { name: 'AbortError' });
    await worker.says(/"event":"cancelled"/);
    const { abandoned, cancelled } = await stopInOrder(worker);
    assert.deepEqual({ abandoned, cancelled }, { abandoned: 1, cancelled: 1 });
  });

  test('because its connection is lost, or its process killed, goes on until its deadline, and costs nothing else', async (t) => {
    const queue = uniqueQueue({ after: (end) => cleanUp(t, end) }, broker().url);
    const gate = await openGate(t, broker().url);
    const args = ['--queue', queue, ...slow, '--threads', '2', '--max-run', '3s'];
    const worker = await startWorker(t, args, { url: broker().url });
    const lost = callForEver(t, queue, gate.url);
    await lost.started(1);
    const killed = start(t, 'client.js', ['--queue', queue, '-v', '-t', '600s', FOR_EVER], { url: broker().url });
    await killed.says(/a worker handles the call/);
    gate.cut();
    await killed.stop('SIGKILL');
    await assert.rejects(lost.call, { code: 'UNAVAILABLE' });
    await worker.says(/"why":"time-limit"/, 2);
    const client = new RpcClient(broker().url);
    cleanUp(t, () => client.close({ grace: 0 }));
    assert.equal((await client.call(queue, '10')).text(), '55');
    const { answered, refused, cancelled, strayCancels } = await stopInOrder(worker);
    assert.deepEqual(
      { answered, refused, cancelled, strayCancels },
      { answered: 1, refused: 2, cancelled: 0, strayCancels: 0 },
    );
  });
});

test('forged cancels cost no call: each is counted', async (t) => {
  const raw = await openRaw({ after: (end) => cleanUp(t, end) }, broker().url);
  const inbox = await raw.consume(DIRECT_REPLY_TO);
  let forged = 0;
  const fault = 'forged cancels';
  const workerArgs = ['--algorithm', 'recursive', '--threads', '2', '--started-after', '1ms'];
  const { totals } = await underLoad(
    t,
    { broker: broker(), fault, workers: 1, workerArgs, range: [18, 24] },
    async ({ queue, load }) => {
      await raw.publish(queue, '36', {
        replyTo: DIRECT_REPLY_TO,
        correlationId: 'mine',
        messageId: 'mine',
        headers: { 'rpc-cancel': true },
      });
      const { type, replyTo = '' } = await inbox.next();
      assert.equal(type, 'started');
      for (let n = 0; n < 500; n++) {
        const correlationId = [undefined, '', String(n), `AAAAAAAAAAA${n}`, 'mine '][n % 5];
        await raw.publish(replyTo, n % 2 ? 'x'.repeat(10_000) : '', {
          type: n % 7 ? 'cancel' : 'started',
          correlationId,
        });
      }
      forged += 500;
      await load.goesOn(20);
      assert.equal((await inbox.next()).type, undefined, 'the answer');
    },
  );
  assert.deepEqual(
    totals.map(({ cancelled, strayCancels }) => [cancelled, strayCancels]),
    [[0, forged]],
  );
});
