import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { cleanUp, type Running, runClient, start, startWorker, uniqueQueue } from '../../test-helpers/programs.ts';
import { openRaw } from '../../test-helpers/rpc.ts';

const args = ['--algorithm', 'recursive', '--log-requests'];

function requested(workers: readonly Running[], n: string): number {
  return workers.flatMap((worker) => worker.records('request')).filter(({ request }) => request === n).length;
}

describe('a request that would take days, in a worker with threads', { concurrency: true }, () => {
  it('holds up nobody: others are answered, heartbeats go on, and its thread is free after its time limit', async (t) => {
    const queue = uniqueQueue(t);
    const url = new URL(amqpUrl());
    url.searchParams.set('heartbeat', '2'); // the broker gives up after two to three times that
    const worker = await startWorker(t, ['--queue', queue, '--threads', '2', ...args], { url: url.href });
    const slow = start(t, 'client.js', ['--queue', queue, '--timeout', '8s', '60'], { input: '' });
    await worker.says(/"request":"60"/);
    const quick = await runClient(t, ['--queue', queue, '-q', '1', '2', '3', '20', '25']);
    assert.equal(quick.stdout, '1\n1\n2\n6765\n75025\n');
    assert.equal(slow.stdout, '', 'it still runs');
    assert.equal((await slow.end()).code, 4);
    await worker.says(/"event":"thread-ended"/);
    const [ended] = worker.records('thread-ended');
    // the client gives up at the same time, and its cancel may be first
    assert.match(String(ended?.why), /^(time-limit|cancelled)$/);
    const both = await runClient(t, ['--queue', queue, '-q', '27', '28']);
    assert.equal(both.stdout, '196418\n317811\n');
    assert.deepEqual([worker.records('connected').length, worker.records('disconnected').length], [1, 0]);
  });

  it('goes round no fleet: one worker tries it, once', async (t) => {
    const queue = uniqueQueue(t);
    const run = () => startWorker(t, ['--queue', queue, '--threads', '1', ...args]);
    const fleet = await Promise.all([run(), run(), run()]);
    let code: number | null;
    // on a slow machine the request may expire before it is delivered
    do ({ code } = await runClient(t, ['--queue', queue, '--timeout', '2s', '60']));
    while (requested(fleet, '60') === 0);
    assert.equal(code, 4);
    await Promise.race(fleet.map((worker) => worker.says(/"event":"thread-ended"/)));
    const answers = await runClient(t, ['--queue', queue, '-q', ...Array(6).fill('20')]);
    assert.equal(answers.stdout, '6765\n'.repeat(6));
    assert.equal(requested(fleet, '60'), 1);
    const { channel } = await openRaw({ after: (end) => cleanUp(t, end) });
    assert.equal((await channel.queueDeclare({ queue, passive: true })).messageCount, 0);
    for (const worker of fleet) assert.equal((await worker.stop()).code, 0);
    assert.equal(
      fleet.reduce((sum, worker) => sum + Number(worker.records('stopped')[0]?.redelivered), 0),
      0,
    );
  });

  it('that a caller without a time limit sent, ends by --max-run', async (t) => {
    const queue = uniqueQueue(t);
    await startWorker(t, ['--queue', queue, '--threads', '1', '--max-run', '500ms', ...args]);
    const raw = await openRaw({ after: (end) => cleanUp(t, end) });
    const { queue: replyTo } = await raw.channel.queueDeclare({ queue: '', exclusive: true });
    const inbox = await raw.consume(replyTo);
    await raw.publish(queue, '60', { replyTo });
    await raw.publish(queue, '20', { replyTo });
    const { type, body } = await inbox.next();
    assert.deepEqual([type, JSON.parse(String(body)).code], ['error', 'DEADLINE_EXCEEDED']);
    assert.equal(String((await inbox.next()).body), '6765');
  });

  it('goes back to the queue when its worker is to stop and the grace is over', async (t) => {
    const queue = uniqueQueue(t);
    const worker = await startWorker(t, ['--queue', queue, '--threads', '1', '--grace', '500ms', ...args]);
    const slow = start(t, 'client.js', ['--queue', queue, '--timeout', '600s', '60'], { input: '' });
    await worker.says(/"request":"60"/);
    assert.equal((await worker.stop()).code, 0);
    assert.equal(worker.records('stopped')[0]?.unfinished, 1);
    const next = await startWorker(t, ['--queue', queue, '--threads', '1', '--grace', '1ms', ...args]);
    await next.says(/"request":"60"/);
    assert.equal(slow.stdout, '');
  });
});

describe('a worker with threads that is told to stop', () => {
  it('answers what its threads have in hand, and exits 0', async (t) => {
    const queue = uniqueQueue(t);
    const worker = await startWorker(t, ['--queue', queue, '--threads', '2', '--grace', '60s', ...args]);
    const client = start(t, 'client.js', ['--queue', queue, '-q', '--timeout', '600s', '36', '35'], { input: '' });
    await worker.says(/"event":"request"/, 2);
    const { code } = await worker.stop();
    assert.equal(code, 0);
    assert.equal((await client.end()).stdout, '14930352\n9227465\n');
    const [stopped] = worker.records('stopped');
    assert.deepEqual([stopped?.answered, stopped?.unfinished], [2, 0]);
  });
});
