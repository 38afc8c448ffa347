import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { implementations } from '../../src/measure/bench/index.ts';
import type { Implementation } from '../../src/measure/implementation.ts';
import { programFolder } from '../../test-helpers/built.ts';
import { never, openCaller, target } from '../../test-helpers/implementations.ts';
import { deadUrl, start, uniqueQueue } from '../../test-helpers/programs.ts';
import { testQueue } from '../../test-helpers/rpc.ts';

const flags = (implementation: string, queue: string) => [
  ...['--implementation', implementation],
  ...['--queue', queue, '--prefetch', '20'],
];

describe("the comparison's worker", { concurrency: 2 }, () => {
  for (const [name, implementation] of Object.entries(implementations) as [string, Implementation][]) {
    test(`answers as ${name}, and tells how often when SIGTERM ends it`, async (t) => {
      const queue = await testQueue(t);
      const worker = start(t, 'compare-worker.js', flags(name, queue));
      await worker.says(/^{"event":"consuming"}$/m);
      const [design = 'direct'] = [...implementation.designs].reverse();
      const caller = openCaller(t, { implementation, design }, target(queue));
      const replies = await Promise.all(Array.from({ length: 30 }, () => caller.call('30', never)));
      assert.deepEqual(new Set(replies.map((reply) => Buffer.from(reply).toString())), new Set(['832040']));
      const { code, stdout, stderr } = await worker.stop();
      assert.equal(stderr, '{"event":"consuming"}\n{"event":"stopped","answered":30,"refused":0}\n');
      assert.deepEqual([code, stdout], [0, '']);
    });

    test(`ends with one line, as ${name}, where there is no broker`, async (t) => {
      const worker = start(t, 'compare-worker.js', flags(name, uniqueQueue(t)), { url: await deadUrl() });
      const { code, stderr } = await worker.end();
      assert.match(stderr, /^fib-compare-worker: .+\n$/);
      assert.equal(code, 1);
    });
  }

  test('ends with one line, as the floor, where the queue is missing or a request can not be answered', async (t) => {
    const missing = await start(t, 'compare-worker.js', flags('floor', uniqueQueue(t))).end();
    assert.match(missing.stderr, /^fib-compare-worker: RabbitMQ closed the channel: 404 NOT_FOUND - no queue .+\n$/);
    const queue = await testQueue(t);
    const worker = start(t, 'compare-worker.js', flags('floor', queue));
    await worker.says(/"event":"consuming"/);
    const caller = openCaller(t, { implementation: implementations.floor, design: 'direct' }, target(queue));
    const call = assert.rejects(caller.call('bytes:x', never));
    const { code, stderr } = await worker.end();
    assert.match(stderr, /^{"event":"consuming"}\nfib-compare-worker: n must be a whole number .+\n$/);
    assert.equal(code, 1);
    await caller.close();
    await call;
  });

  test('names what is missing on its command line', async (t) => {
    const { code, stderr } = await start(t, 'compare-worker.js', ['--implementation', 'floor']).end();
    assert.match(stderr, /^fib-compare-worker: it needs AMQP_URL, --implementation, --queue and --prefetch.*\n$/);
    assert.equal(code, 2);
  });

  test('says what to do where the packages of a checkout are not there', async (t) => {
    const folder = await mkdtemp(path.join(tmpdir(), 'fib-worker-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const script = path.join(folder, 'compare-worker.js');
    await copyFile(path.join(programFolder, 'compare-worker.js'), script);
    for (const name of ['amqplib', 'amqp-client']) {
      const { code, stderr } = await start(t, script, flags(name, uniqueQueue(t))).end();
      assert.match(stderr, /^fib-compare-worker: \S+ is a development dependency: run npm ci in a checkout\n$/);
      assert.equal(code, 1);
    }
    const floor = start(t, script, flags('floor', await testQueue(t)));
    await floor.says(/"event":"consuming"/);
    assert.equal((await floor.stop()).code, 0);
  });
});
