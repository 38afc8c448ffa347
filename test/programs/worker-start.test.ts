import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { copyFile, mkdtemp, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { programFolder } from '../../test-helpers/built.ts';
import { cleanUp, deadUrl, runClient, start, startWorker, uniqueQueue } from '../../test-helpers/programs.ts';
import { openRaw } from '../../test-helpers/rpc.ts';

/** Declares a queue that may be there already; says why the broker won't, or undefined. */
async function redeclare(
  t: TestContext,
  queue: string,
  durable: boolean,
  type: 'classic' | 'quorum',
): Promise<string | undefined> {
  const { channel } = await openRaw({ after: (end) => cleanUp(t, end) });
  return channel.queueDeclare({ queue, durable, arguments: { 'x-queue-type': type } }).then(
    () => undefined,
    (error: Error) => error.message,
  );
}

/** Whether the broker lets queues be that are neither durable nor exclusive: RabbitMQ 4.3 and later don't. */
async function permitsTransientQueues(t: TestContext): Promise<boolean> {
  return (await redeclare(t, uniqueQueue(t), false, 'classic')) === undefined;
}

describe('the bundled worker', { concurrency: 3 }, () => {
  it('is smaller than 320 kB', async () => {
    const { size } = await stat(path.join(programFolder, 'worker.js'));
    assert.ok(size < 320_000, `${size} bytes`);
  });

  it('needs nothing beside it: it answers from an otherwise empty folder', async (t) => {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'fib-worker-alone-'));
    cleanUp(t, () => rm(folder, { recursive: true }));
    await copyFile(path.join(programFolder, 'worker.js'), path.join(folder, 'worker.js'));
    const queue = uniqueQueue(t);
    const worker = start(t, path.join(folder, 'worker.js'), ['--queue', queue], { cwd: folder });
    await worker.says(/"event":"consuming"/);
    assert.equal((await runClient(t, ['--queue', queue, '-q', '12'])).stdout, '144\n');
  });

  it('prints its help and its version on standard output', async (t) => {
    const help = await start(t, 'worker.js', ['--help'], { url: null }).end();
    assert.equal(help.code, 0);
    assert.match(help.stdout, /^Usage: /);
    assert.match(help.stdout, /--prefetch N [^-]*PREFETCH/);
    const version = await start(t, 'worker.js', ['--version'], { url: null }).end();
    assert.match(version.stdout, /^fib-worker \d+\.\d+\.\d+\S*\n$/);
    assert.deepEqual([help.stderr, version.stderr], ['', '']);
  });
});

describe('a worker that starts', { concurrency: 3 }, () => {
  it('logs a JSON line when it consumes, where standard error is no terminal', async (t) => {
    const queue = uniqueQueue(t);
    const worker = await startWorker(t, ['--queue', queue]);
    assert.equal(worker.stdout, '');
    const [record] = worker.records('consuming');
    assert.equal(record?.queue, queue);
    assert.equal(record?.prefetch, 1);
    assert.equal(record?.level, 'info');
    assert.match(String(record?.time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  });

  it("prints the tutorial's lines with --log text", async (t) => {
    const queue = uniqueQueue(t);
    const worker = await startWorker(t, ['--queue', queue, '--log', 'text']);
    await runClient(t, ['--queue', queue, '30', '4']);
    const { stderr } = await worker.stop();
    assert.match(stderr, /^ \[x\] Awaiting RPC requests$/m);
    assert.match(stderr, /^ \[\.\] fib\(30\) \([\w-]{12,}\)$/m); // with the request's correlation id
    assert.match(stderr, /^ \[\.\] fib\(4\) \([\w-]{12,}\)$/m);
  });

  it('takes the first broker that answers of several URLs', async (t) => {
    const queue = uniqueQueue(t);
    const { AMQP_URL = '' } = process.env;
    const dead = await deadUrl();
    await startWorker(t, ['--queue', queue, '--url', dead, '--url', AMQP_URL], { url: null });
    const client = await runClient(t, ['--queue', queue, '-q', '10'], { url: `${dead},${AMQP_URL}` });
    assert.deepEqual([client.code, client.stdout], [0, '55\n']);
  });
});

describe('a queue that a worker declares', { concurrency: 3 }, () => {
  it('is durable', async (t) => {
    const queue = uniqueQueue(t);
    await startWorker(t, ['--queue', queue, '--queue-type', 'classic']);
    assert.equal(await redeclare(t, queue, true, 'classic'), undefined);
  });

  it('is a quorum queue with --queue-type quorum', async (t) => {
    const queue = uniqueQueue(t);
    await startWorker(t, ['--queue', queue, '--queue-type', 'quorum']);
    assert.match((await redeclare(t, queue, true, 'classic')) ?? 'accepted', /inequivalent arg/);
    assert.equal(await redeclare(t, queue, true, 'quorum'), undefined);
  });

  it('is not durable with --no-durable, and where the broker refuses that it says what to do', async (t) => {
    const queue = uniqueQueue(t);
    if (await permitsTransientQueues(t)) {
      await startWorker(t, ['--queue', queue, '--no-durable']);
      assert.equal(await redeclare(t, queue, false, 'classic'), undefined);
    } else {
      const worker = start(t, 'worker.js', ['--queue', queue, '--no-durable', '--log', 'text']);
      await worker.says(/next attempt/, 2);
      const [line = ''] = worker.stderr.split('\n').filter((text) => text.includes('next attempt'));
      assert.match(line, /durable/);
      assert.equal((await worker.stop()).code, 0);
    }
  });

  it('cannot be both quorum and not durable', async (t) => {
    const { code, stderr } = await start(t, 'worker.js', ['--queue-type', 'quorum', '--no-durable']).end();
    assert.equal(code, 2);
    assert.match(stderr, /^fib-worker: .*durable.*\n$/);
  });
});

describe('a queue that is there', { concurrency: 3 }, () => {
  const kinds: readonly (readonly [string, boolean, Record<string, unknown>])[] = [
    ['classic', true, { 'x-queue-type': 'classic', 'x-max-length': 1_000 }],
    ['quorum', true, { 'x-queue-type': 'quorum' }],
    ['not durable', false, {}],
  ];
  for (const [name, durable, args] of kinds) {
    it(`is taken as it is (${name})`, async (t) => {
      if (!durable && !(await permitsTransientQueues(t))) return t.skip('this RabbitMQ has durable queues only');
      const queue = uniqueQueue(t);
      const { channel } = await openRaw({ after: (end) => cleanUp(t, end) });
      await channel.queueDeclare({ queue, durable, arguments: args });
      const other = name === 'quorum' ? 'classic' : 'quorum';
      const worker = await startWorker(t, ['--queue', queue, '--queue-type', other]);
      assert.equal(worker.records('queue')[0]?.how, 'found');
      assert.equal((await runClient(t, ['--queue', queue, '-q', '20'])).stdout, '6765\n');
    });
  }
});
