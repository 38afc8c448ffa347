import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { openGate } from '../../test-helpers/gate.ts';
import { type Running, runClient, start, startWorker, uniqueQueue } from '../../test-helpers/programs.ts';

/** The requests that a worker answered, as it says when it has stopped. */
function answered(worker: Running): number {
  const [record] = worker.records('stopped');
  return Number(record?.answered);
}

function numbers(count: number, n: number): string {
  return `${n}\n`.repeat(count);
}

describe('a worker that is told to stop', { concurrency: 3 }, () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`exits 0 on ${signal} and says what it did`, async (t) => {
      const queue = uniqueQueue(t);
      const worker = await startWorker(t, ['--queue', queue]);
      await runClient(t, ['--queue', queue, '5', '-5']);
      const { code, stdout } = await worker.stop(signal);
      assert.deepEqual([code, stdout], [0, '']);
      assert.equal(worker.records('draining')[0]?.signal, signal);
      const [stopped] = worker.records('stopped');
      assert.deepEqual([stopped?.answered, stopped?.refused, stopped?.unfinished], [1, 1, 0]);
    });
  }

  it('says the same in text', async (t) => {
    const queue = uniqueQueue(t);
    const worker = await startWorker(t, ['--queue', queue, '--log', 'text']);
    await runClient(t, ['--queue', queue, '5', '-5']);
    const { stderr } = await worker.stop();
    assert.match(stderr, /^ \[x\] SIGTERM: draining\n \[x\] Stopped: 1 answered, 1 refused$/m);
  });

  for (const prefetch of ['1', '10']) {
    it(`in the midst of slow work, leaves nothing unanswered and nothing answered twice (prefetch ${prefetch})`, async (t) => {
      const queue = uniqueQueue(t);
      const slow = ['--queue', queue, '--algorithm', 'recursive', '--prefetch', prefetch, '--log-requests'];
      const first = await startWorker(t, slow);
      const client = start(t, 'client.js', ['--queue', queue, '--verbose', '--timeout', '600s', '-']);
      client.child.stdin.write(numbers(30, 27));
      await first.says(/"event":"request"/);
      first.child.kill('SIGTERM');
      await first.says(/"event":"draining"/);
      client.child.stdin.write(numbers(10, 26)); // while it drains
      const second = await startWorker(t, slow);
      assert.equal((await first.end()).code, 0);
      client.child.stdin.end(numbers(10, 25)); // after it drained
      const { code, stdout, stderr } = await client.end();
      await second.stop();

      const answers = [27, 26, 25].map((n) => ({ 27: '196418', 26: '121393', 25: '75025' })[n]);
      const expected = [...Array(30).fill(answers[0]), ...Array(10).fill(answers[1]), ...Array(10).fill(answers[2])];
      assert.deepEqual(
        stdout.trimEnd().split('\n'),
        expected.map((answer) => ` [.] Got ${answer}`),
      );
      assert.equal(code, 0, stderr);
      assert.doesNotMatch(stderr, /discarded|retry/);
      assert.equal(answered(first) + answered(second), 50);
      assert.ok(answered(first) >= 1, 'the first answered what it had begun');
      assert.ok(answered(second) >= 10, 'the second answered what came after');
    });
  }

  for (const [first, second, code] of [
    ['SIGTERM', 'SIGTERM', 143],
    ['SIGTERM', 'SIGINT', 130],
    ['SIGINT', 'SIGTERM', 143],
  ] as const) {
    it(`and told again while it drains, exits at once with ${code} (${first}, then ${second})`, async (t) => {
      const gate = await openGate(t, amqpUrl());
      const args = ['--queue', uniqueQueue(t), '--grace', '10m'];
      const worker = await startWorker(t, args, { url: gate.url });
      gate.hold(); // a broker that says nothing more: draining lasts as long as it may
      worker.child.kill(first);
      await worker.says(/"event":"draining"/);
      assert.equal((await worker.stop(second)).code, code);
      assert.equal(worker.records('stopped').length, 0);
    });
  }

  it('exits 0 after its grace if the broker says nothing more, and what it could not ack is answered by another', async (t) => {
    const gate = await openGate(t, amqpUrl());
    const queue = uniqueQueue(t);
    const worker = await startWorker(t, ['--queue', queue, '--grace', '300ms', '--log-requests'], { url: gate.url });
    gate.holdUp(); // what the worker says no longer reaches the broker
    const client = start(t, 'client.js', ['--queue', queue, '--timeout', '600s', '28'], { input: '' });
    await worker.says(/"event":"request"/);
    const { code } = await worker.stop();
    assert.equal(code, 0);
    assert.equal(worker.records('stopped').length, 1);
    assert.equal(client.stdout, '');
    gate.cut(); // only now the broker learns that this worker is gone
    await startWorker(t, ['--queue', queue]);
    const result = await client.end();
    assert.deepEqual([result.code, result.stdout], [0, ' [.] Got 317811\n']);
  });
});

describe('two workers on a queue', () => {
  it('share it fairly: while one is busy with a slow request, the quick ones go to the other', async (t) => {
    const queue = uniqueQueue(t);
    const args = ['--queue', queue, '--algorithm', 'recursive', '--log', 'text'];
    const busy = await startWorker(t, args);
    const slow = start(t, 'client.js', ['--queue', queue, '--timeout', '600s', '35'], { input: '' });
    await busy.says(/fib\(35\)/);
    busy.child.kill('SIGSTOP'); // as slow as it gets, however fast the machine
    const idle = await startWorker(t, args);
    const quick = await runClient(t, ['--queue', queue, '-q', '1', '2', '3', '4', '5', '6', '7', '8', '9', '10']);
    assert.equal(quick.stdout, '1\n1\n2\n3\n5\n8\n13\n21\n34\n55\n');
    assert.equal(slow.stdout, '', 'the slow one is not answered yet');
    assert.equal(idle.stderr.match(/fib\(\d+\)/g)?.length, 10);
    busy.child.kill('SIGCONT');
    assert.equal((await slow.end()).stdout, ' [.] Got 9227465\n');
    assert.deepEqual(busy.stderr.match(/fib\(\d+\)/g), ['fib(35)']);
  });
});
