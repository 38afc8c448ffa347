import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { openGate } from '../../test-helpers/gate.ts';
import { cleanUp, type Running, runClient, start, startWorker, uniqueQueue } from '../../test-helpers/programs.ts';
import { openRaw, startClient } from '../../test-helpers/rpc.ts';

/** A worker's requests and answers, as it counts them when it has stopped. */
function totals(worker: Running) {
  const [record] = worker.records('stopped');
  return { requests: Number(record?.requests), answered: Number(record?.answered) };
}

function caller(t: TestContext, queue: string) {
  return startClient({ after: (end) => cleanUp(t, end) }, { queue, timeout: 600_000 }).client;
}

/** Starts a worker again each time that it has ended well, as a scaler does, until it is told to stop. */
function keepStarting(t: TestContext, args: readonly string[]) {
  const lives: Running[] = [];
  let stopped = false;
  const done = (async () => {
    while (!stopped) {
      const worker = start(t, 'worker.js', args);
      lives.push(worker);
      const { code, stderr } = await worker.end();
      assert.equal(code, 0, stderr);
    }
  })();
  return {
    lives,
    async stop() {
      stopped = true;
      await done;
    },
  };
}

describe('a worker with --idle-exit', { concurrency: true }, () => {
  it('ends with 0 when no request has come for so long, and says so', async (t) => {
    const worker = await startWorker(t, ['--queue', uniqueQueue(t), '--idle-exit', '300ms']);
    assert.equal((await worker.end()).code, 0);
    assert.equal(worker.records('draining')[0]?.reason, 'idle');
    assert.equal(worker.records('stopped').length, 1);
  });

  it('takes the time from IDLE_EXIT, too, and says it in text', async (t) => {
    const env = { IDLE_EXIT: '300ms' };
    const worker = await startWorker(t, ['--queue', uniqueQueue(t), '--log', 'text'], { env });
    const { code, stderr } = await worker.end();
    assert.equal(code, 0);
    assert.match(stderr, /^ \[x\] No request for 0\.3 s: draining\n \[x\] Stopped: 0 answered, 0 refused$/m);
  });

  it('counts from the last answer, not from its start', async (t) => {
    const attempt = async (): Promise<'done' | 'too slow'> => {
      const queue = uniqueQueue(t);
      const worker = await startWorker(t, ['--queue', queue, '--idle-exit', '2s']);
      const began = Date.now();
      let answered = began;
      const client = caller(t, queue);
      for (let n = 0; n < 4; n++) {
        await sleep(800); // longer than the limit all in all
        const call = client.call('7').then(() => 'answered');
        call.catch(() => {}); // the worker may have gone
        const first = await Promise.race([call, worker.ended.then(() => 'ended')]);
        if (first === 'ended' && Date.now() - answered > 1_900) return 'too slow'; // this machine was
        assert.equal(first, 'answered');
        answered = Date.now();
      }
      assert.equal((await worker.end()).code, 0);
      assert.ok(answered - began > 2_000);
      assert.ok(Date.now() - answered >= 1_900, 'it waited for its whole limit again');
      assert.deepEqual(totals(worker), { requests: 4, answered: 4 });
      return 'done';
    };
    while ((await attempt()) !== 'done');
  });

  it('is not idle while it computes, in a thread', async (t) => {
    const queue = uniqueQueue(t);
    await (await startWorker(t, ['--queue', queue])).stop(); // the queue is there
    const client = caller(t, queue);
    let answered = 0;
    const slow = client.call('40').finally(() => {
      answered = performance.now();
    });
    const next = client.call('7');
    const args = ['--queue', queue, '--idle-exit', '500ms', '--threads', '1', '--algorithm', 'recursive'];
    const worker = await startWorker(t, args);
    const began = performance.now();
    assert.equal((await worker.end()).code, 0);
    assert.deepEqual(totals(worker), { requests: 2, answered: 2 }, 'it was there for the second one');
    assert.deepEqual([String((await slow).body), String((await next).body)], ['102334155', '13']);
    assert.ok(answered - began > 500, 'the first takes longer than the limit');
  });

  it('loses no request that comes in the moment of leaving', async (t) => {
    const queue = uniqueQueue(t);
    await (await startWorker(t, ['--queue', queue])).stop(); // the queue is there
    const workers = keepStarting(t, ['--queue', queue, '--idle-exit', '40ms', '--prefetch', '10']);
    const client = caller(t, queue);
    let answered = 0;
    while (workers.lives.length < 15) {
      // about when the worker leaves, give or take
      await sleep(30 + Math.random() * 20);
      const burst = Array.from({ length: 1 + Math.floor(Math.random() * 5) }, () => client.call('90'));
      for (const { body } of await Promise.all(burst)) assert.equal(String(body), '2880067194370816120');
      answered += burst.length;
    }
    await workers.stop();
    const sum = workers.lives.reduce((all, life) => all + totals(life).answered, 0);
    assert.equal(sum, answered, 'each was answered once');
    const redelivered = workers.lives.flatMap((life) => life.records('stopped').map((record) => record.redelivered));
    assert.ok(
      redelivered.every((count) => count === 0),
      String(redelivered),
    );
  });

  it('does not end while it has no broker, and counts anew when it has one', async (t) => {
    const gate = await openGate(t, amqpUrl());
    gate.refuse = true;
    const args = ['--queue', uniqueQueue(t), '--idle-exit', '100ms', '--log', 'text'];
    const worker = start(t, 'worker.js', args, { url: gate.url });
    await worker.says(/next attempt/, 4);
    assert.doesNotMatch(worker.stderr, /draining/);
    gate.refuse = false;
    assert.equal((await worker.end()).code, 0);
    assert.match(worker.stderr, /Awaiting RPC requests\n \[x\] No request for 0\.1 s: draining\n/);
  });

  it('does not end while it has lost its broker', async (t) => {
    const gate = await openGate(t, amqpUrl());
    const args = ['--queue', uniqueQueue(t), '--idle-exit', '1500ms', '--log', 'text'];
    const worker = await startWorker(t, args, { url: gate.url });
    gate.refuse = true;
    gate.cut();
    await worker.says(/next attempt/, 4); // 0.2 + 0.4 + 0.8 s and more
    assert.doesNotMatch(worker.stderr, /draining/);
    gate.refuse = false;
    assert.equal((await worker.end()).code, 0);
  });
});

describe('a worker with --max-calls', { concurrency: 2 }, () => {
  for (const prefetch of ['1', '10'])
    it(`gets that many and ends with 0, and leaves the others alone (prefetch ${prefetch})`, async (t) => {
      const queue = uniqueQueue(t);
      const args = ['--queue', queue, '--prefetch', prefetch];
      const worker = await startWorker(t, [...args, '--max-calls', '7']);
      const client = start(t, 'client.js', ['--queue', queue, '-q', '--timeout', '600s', '-']);
      client.child.stdin.end('20\n'.repeat(12));
      assert.equal((await worker.end()).code, 0);
      assert.deepEqual(totals(worker), { requests: 7, answered: 7 });
      assert.deepEqual(
        worker.records('draining').map(({ reason }) => reason),
        ['max-calls'],
      );
      const next = await startWorker(t, args);
      assert.equal((await client.end()).stdout, '6765\n'.repeat(12));
      await next.stop();
      assert.deepEqual(totals(next), { requests: 5, answered: 5 });
    });

  it('takes the number from MAX_CALLS, too', async (t) => {
    const queue = uniqueQueue(t);
    const worker = await startWorker(t, ['--queue', queue, '--log', 'text'], { env: { MAX_CALLS: '1' } });
    await runClient(t, ['--queue', queue, '5']);
    const { code, stderr } = await worker.end();
    assert.equal(code, 0);
    assert.match(stderr, /^ \[x\] Had 1 request, the maximum: draining$/m);
  });

  it('counts those that it refuses and those that it rejects', async (t) => {
    const queue = uniqueQueue(t);
    const worker = await startWorker(t, ['--queue', queue, '--max-calls', '3']);
    await runClient(t, ['--queue', queue, '5', '-5']);
    const raw = await openRaw({ after: (end) => cleanUp(t, end) });
    await raw.publish(queue, '5'); // without a reply_to
    assert.equal((await worker.end()).code, 0);
    const [stopped] = worker.records('stopped');
    assert.deepEqual([stopped?.requests, stopped?.answered, stopped?.refused], [3, 1, 1]);
  });

  it('shares the queue with others, prefetch 10: each takes its number, and all is answered once', async (t) => {
    const queue = uniqueQueue(t);
    const args = ['--queue', queue, '--prefetch', '10', '--max-calls'];
    const workers = await Promise.all(['15', '40', '65'].map((count) => startWorker(t, [...args, count])));
    const client = start(t, 'client.js', ['--queue', queue, '-q', '--timeout', '600s', '--verbose', '-']);
    client.child.stdin.end('20\n'.repeat(120));
    const { stdout, stderr } = await client.end();
    assert.equal(stdout, '6765\n'.repeat(120));
    assert.doesNotMatch(stderr, /discarded/);
    for (const worker of workers) assert.equal((await worker.end()).code, 0);
    assert.deepEqual(
      workers.map((worker) => totals(worker).requests),
      [15, 40, 65],
    );
  });
});
