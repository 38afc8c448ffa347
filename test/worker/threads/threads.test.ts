import '../../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { RpcError } from '../../../src/protocol/errors.ts';
import { heapLimit } from '../../../src/worker/threads/heap-limit.ts';
import type { ThreadEvent, ThreadTask } from '../../../src/worker/threads/messages.ts';
import { type CallLimits, ThreadPool } from '../../../src/worker/threads/thread-pool.ts';
import type { ServeOptions, WorkerEvent } from '../../../src/worker/worker.ts';
import { openRaw, startClient, startWorker, testQueue, until } from '../../../test-helpers/rpc.ts';
import { isTestThread } from '../../../test-helpers/thread-functions.ts';

const LIMIT = 600_000;

/** The longest request, in bytes. */
const MAX = 2 ** 24;

interface PoolChoice {
  readonly threads?: number;
  readonly maxRun?: number;
  readonly mode?: string;
}

function makePool(t: TestContext, { threads = 1, maxRun = LIMIT, mode }: PoolChoice) {
  const events: (WorkerEvent | ThreadEvent)[] = [];
  const pool = new ThreadPool(threads, {
    script: { file: import.meta.filename, argv: mode === undefined ? [] : [mode], heapMegabytes: 48 },
    maxRun,
    onEvent: (event) => events.push(event),
  });
  t.after(() => pool.close());
  const ended = () => events.filter((event) => event.type === 'thread-ended');
  return { pool, events, ended };
}

/** Runs a call in a pool, without RabbitMQ. */
async function runIn(
  pool: ThreadPool,
  body: string,
  {
    headers = {},
    signal = new AbortController().signal,
  }: Partial<Pick<ThreadTask & CallLimits, 'headers' | 'signal'>> = {},
): Promise<string> {
  const task = { function: 0, maxRequestBytes: MAX, body: Buffer.from(body), redelivered: false, headers };
  return Buffer.from((await pool.run(task, { deadline: undefined, signal })).body).toString();
}

/** Holds the event loop. */
function busy(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; );
}

/** A worker whose function runs in threads, and a client, by way of RabbitMQ. */
async function serve(t: TestContext, choice: PoolChoice & Pick<ServeOptions, 'prefetch'> = {}) {
  const { pool, events, ended } = makePool(t, choice);
  await pool.start();
  const queue = await testQueue(t);
  const prefetch = choice.prefetch ?? choice.threads ?? 1;
  const started = await startWorker(t, pool.handlerOf(0, MAX), { queue, prefetch });
  const { client } = startClient(t, { queue, timeout: LIMIT });
  const call = async (body: string, options: { timeout?: number } = {}) =>
    String((await client.call(body, options)).body);
  return { call, client, queue, events, ended, workerEvents: started.events, worker: started.worker };
}

if (!isTestThread()) {
  describe('a function in a thread', { concurrency: 3 }, () => {
    test("answers with octets, the largest and the function's own among them", async (t) => {
      const { call, client } = await serve(t);
      assert.equal(await call('echo ä🐇'), 'ä🐇');
      assert.equal(await call('echo '), '');
      const large = Buffer.alloc(4 * 2 ** 20, 'x');
      const { body } = await client.call(Buffer.concat([Buffer.from('echo '), large]));
      assert.ok(large.equals(body));
      for (const _ of [1, 2]) assert.equal(await call('kept'), 'kept by the function');
    });

    test('gets its context: time left, headers, options, content type', async (t) => {
      const { call, queue } = await serve(t);
      const seen = JSON.parse(await call('context', { timeout: 30_000 }));
      assert.ok(seen.left > 0 && seen.left <= 30_000, `${seen.left} ms`);
      assert.deepEqual([seen.redelivered, seen.options], [false, { of: 'the function' }]);
      const raw = await openRaw(t);
      const { queue: replies } = await raw.channel.queueDeclare({ queue: '', exclusive: true });
      const inbox = await raw.consume(replies);
      await raw.publish(queue, 'context', { replyTo: replies, headers: { tenant: 'a', nested: { deep: [1, true] } } });
      const { headers, left, pure } = JSON.parse(String((await inbox.next()).body));
      assert.deepEqual(headers, { tenant: 'a', nested: { deep: [1, true] } });
      assert.deepEqual([left !== null, pure], [true, true], 'the time that it may run is its deadline');
      await raw.publish(queue, 'bytes', { replyTo: replies, headers: { bytes: Buffer.from([0, 255]) } });
      assert.equal(String((await inbox.next()).body), '00ff');
      await raw.publish(queue, 'type', { replyTo: replies, contentType: 'text/x-test' });
      assert.equal(String((await inbox.next()).body), 'text/x-test');
    });

    test('logs, even a value that cannot be sent to another thread', async (t) => {
      const { call, events } = await serve(t);
      assert.equal(await call('log'), 'logged');
      const logged = events.filter((event) => event.type === 'log');
      const { correlationId, traceparent, ...first } = logged[0] ?? {};
      assert.deepEqual(first, { type: 'log', level: 'warn', text: 'from the thread', fields: { figure: 42 } });
      assert.match(String(correlationId), /^\S{12,}$/);
      assert.equal(traceparent, undefined);
      assert.deepEqual(logged[1]?.fields, { fn: '[Function: fn]' });
    });

    test('is INTERNAL if it leaves a rejection that nobody catches, and costs no other call', async (t) => {
      const { call } = await serve(t, { prefetch: 2 });
      const stray = async (n: number) => {
        await assert.rejects(call('stray'), { code: 'INTERNAL' }, `stray ${n}`);
      };
      const calls = [1, 2, 3].flatMap((n) => [stray(n), call(`echo ${n}`)]);
      assert.deepEqual(await Promise.all(calls), [undefined, '1', undefined, '2', undefined, '3']);
    });

    test('throws: an RpcError reaches the caller as it is, anything else the log', async (t) => {
      const { call, events, ended } = await serve(t);
      await assert.rejects(call('refuse'), { code: 'OUT_OF_RANGE', message: 'by the function itself' });
      await assert.rejects(call('throw'), { code: 'INTERNAL', message: /log says why/ });
      const [failed] = events.filter((event) => event.type === 'handler-failed');
      assert.ok(failed?.error instanceof Error);
      assert.deepEqual(
        [String(failed.error), /functions\.ts|threads\.test/.test(failed.error.stack ?? '')],
        ['TypeError: of the function', true],
      );
      await assert.rejects(call('overflow'), { code: 'INTERNAL' });
      assert.deepEqual(ended(), [], 'no thread ended for that');
    });

    for (const [what, code, why] of [
      ['exit', 'INTERNAL', 'crashed'],
      ['uncaught', 'INTERNAL', 'crashed'],
      ['memory', 'RESOURCE_EXHAUSTED', 'out-of-memory'],
    ] as const) {
      test(`that ends its thread (${what}) costs that call alone`, async (t) => {
        const { call, ended, worker } = await serve(t, { threads: 2 });
        const neighbour = call('heed', { timeout: 20_000 }).catch((error: RpcError) => error.code);
        await until(() => worker.stats().inFlight === 1);
        await assert.rejects(call(what), { code });
        assert.deepEqual(
          ended().map((event) => [event.why, event.delay]),
          [[why, 0]],
        );
        for (let i = 0; i < 5; i++) assert.equal(await call(`echo ${i}`), String(i));
        assert.equal(worker.stats().inFlight, 1, 'the other thread still runs its call');
        assert.equal(ended().length, 1);
        void neighbour;
      });
    }
  });

  test('a call that is cancelled is never run if it waits for a thread; else its function is told, or its thread ended', async (t) => {
    const { client, worker, events, ended } = await serve(t, { prefetch: 2 });
    const logged = () => events.flatMap((event) => (event.type === 'log' ? [event.text] : []));
    const start = (body: string) => {
      const control = new AbortController();
      const call = assert.rejects(client.call(body, { signal: control.signal }), { name: 'AbortError' });
      return async (cancelled: number) => {
        control.abort();
        await call;
        await until(() => worker.stats().cancelled === cancelled);
      };
    };
    const cancelSpin = start('spin');
    await until(() => worker.stats().inFlight === 1);
    const cancelWaiting = start('tell');
    await until(() => worker.stats().inFlight === 2);
    await cancelWaiting(1);
    await cancelSpin(2);
    await until(() => ended().length === 1);
    assert.deepEqual(
      ended().map(({ why, delay }) => [why, delay]),
      [['cancelled', 0]],
    );
    assert.equal((await client.call('echo on')).text(), 'on');
    assert.deepEqual(logged(), []);
    const cancelTold = start('tell');
    await until(() => worker.stats().inFlight === 1);
    await cancelTold(3);
    await until(() => logged().length > 0);
    assert.deepEqual(logged(), ['CANCELLED']);
    assert.equal((await client.call('echo on')).text(), 'on');
    assert.equal(ended().length, 1);
  });

  describe('what a function in a thread says', { concurrency: 3 }, () => {
    test('on parentPort reaches nobody: each caller gets the answer to its own call', async (t) => {
      const { call, events, ended } = await serve(t);
      for (let n = 0; n < 5; n++) {
        assert.equal(await call('post'), 'posted');
        assert.equal(await call(`echo ${n}`), `${n}`);
      }
      assert.equal(await call('hidden'), '[]');
      assert.deepEqual(ended(), []);
      const ignored = events.filter((event) => event.type === 'thread-message-ignored');
      assert.deepEqual(ignored, [
        { type: 'thread-message-ignored', what: 'something on parentPort, where nobody listens' },
      ]);
    });

    test('in its log is bounded before it leaves the thread, and what was left out is told', async (t) => {
      const { call, events } = await serve(t, { threads: 2 });
      const flooded = call('flood 20000');
      assert.equal(await call('echo on'), 'on');
      assert.equal(await flooded, 'flooded');
      await until(() => events.some((event) => event.type === 'log' && event.text.includes('left out')));
      const lines = events.filter((event) => event.type === 'log');
      const left = lines.map(({ text }) => Number(/^(\d+) lines .* left out/.exec(text)?.[1] ?? 0));
      const told = lines.filter(({ text }) => text.startsWith('line '));
      await until(() => left.reduce((sum, count) => sum + count, told.length) <= 20_000);
      assert.ok(told.length >= 200 && told.length < 15_000, `${told.length} lines`);
      for (const line of told) assert.ok(JSON.stringify(line).length < 30_000, 'a line is bounded');
    });

    test('back to its caller keeps its headers, its content type and the data of its error', async (t) => {
      const { client } = await serve(t);
      const reply = await client.call('html');
      assert.deepEqual([String(reply.body), reply.contentType], ['<p>', 'text/html']);
      assert.deepEqual({ ...reply.headers }, { tenant: 'a', bytes: Buffer.from('b') });
      await assert.rejects(client.call('data'), { code: 'NOT_FOUND', data: { user: 7 } });
      await assert.rejects(client.call('unsendable'), { code: 'NOT_FOUND', data: undefined });
    });
  });

  describe('the heap of a thread', () => {
    test('is a share of the memory, or what Node was told, which V8 heeds before anything else', async () => {
      assert.equal(heapLimit(2, 4 * 2 ** 30, ''), 1_228);
      assert.equal(heapLimit(2, 4 * 2 ** 30, '--max-old-space-size=128'), 128);
      assert.equal(heapLimit(2, 4 * 2 ** 30, '--max_old_space_size=128 --max-old-space-size 256'), 256);
      const script = `const { Worker } = require('node:worker_threads');
        new Worker("console.log(require('node:v8').getHeapStatistics().heap_size_limit / 2 ** 20)",
          { eval: true, resourceLimits: { maxOldGenerationSizeMb: 2048 } });`;
      const env = { ...process.env, NODE_OPTIONS: '--max-old-space-size=128' };
      const { stdout } = await promisify(execFile)(process.execPath, ['-e', script], { env });
      assert.ok(Number(stdout) < 512, stdout);
    });
  });

  describe('a call that takes too long', () => {
    test('has its thread ended at its deadline, and the next one is answered', async (t) => {
      const { call, ended, workerEvents } = await serve(t);
      const first = await call('thread');
      await assert.rejects(call('spin', { timeout: 300 }), { code: 'DEADLINE_EXCEEDED' });
      assert.notEqual(await call('thread'), first);
      assert.deepEqual(
        ended().map(({ why, delay, correlationId }) => [why, delay, typeof correlationId]),
        [[ended()[0]?.why === 'cancelled' ? 'cancelled' : 'time-limit', 0, 'string']], // the caller may say so first
      );
      const codes = workerEvents.filter((event) => event.type === 'answered').map(({ code }) => code);
      assert.deepEqual(codes, ['OK', 'DEADLINE_EXCEEDED', 'OK']);
    });

    test('may run no longer than the worker lets it, even if its own limit is longer', async (t) => {
      const { call, ended } = await serve(t, { maxRun: 300 });
      await assert.rejects(call('spin'), { code: 'DEADLINE_EXCEEDED', reason: 'ERROR_REPLY', message: /300 ms/ });
      assert.equal(await call('echo next'), 'next');
      assert.equal(ended().length, 1);
    });

    test('keeps its thread if it heeds the signal', async (t) => {
      const { call, ended } = await serve(t, { maxRun: 300 });
      const first = await call('thread');
      await assert.rejects(call('heed'), { code: 'DEADLINE_EXCEEDED', reason: 'ERROR_REPLY' });
      assert.equal(await call('thread'), first);
      assert.deepEqual(ended(), []);
    });

    test('while it waits for a thread, is not run at all', async (t) => {
      const { call, ended, worker } = await serve(t, { prefetch: 2, maxRun: 2_000 });
      const slow = assert.rejects(call('heed'), { code: 'DEADLINE_EXCEEDED', reason: 'ERROR_REPLY' });
      await until(() => worker.stats().inFlight === 1);
      await assert.rejects(call('exit', { timeout: 200 }), { code: 'DEADLINE_EXCEEDED' });
      await slow;
      assert.equal(await call('echo on'), 'on');
      assert.deepEqual(ended(), [], 'nothing exited');
    });

    test('is told so at once when its answer can go nowhere, and its thread is free again', async (t) => {
      const { pool, ended } = makePool(t, {});
      await pool.start();
      for (const what of ['heed', 'spin']) {
        const lost = new AbortController();
        const call = runIn(pool, what, { signal: lost.signal });
        lost.abort(new RpcError('UNAVAILABLE', 'gone'));
        await assert.rejects(call, { code: 'UNAVAILABLE', message: 'gone' });
        assert.equal(await runIn(pool, 'echo x'), 'x');
      }
      assert.deepEqual(
        ended().map(({ why }) => why),
        ['time-limit'],
        'the one that heeded nothing',
      );
    });
  });

  describe('a thread that is busy', () => {
    test('and done with its call in the moment in which it is ended, is not given the next one', async (t) => {
      const { pool, ended } = makePool(t, {});
      await pool.start();
      for (let round = 0; round < 20; round++) {
        const lost = new AbortController();
        const call = runIn(pool, `late ${90 + round}`, { signal: lost.signal });
        const next = runIn(pool, `echo ${round}`);
        // 100 ms after the signal the thread is ended; held until then, this one hears of its answer right after that
        if (round % 2 === 0) setTimeout(busy, 100, 30);
        lost.abort(new RpcError('UNAVAILABLE', 'gone'));
        await assert.rejects(call, { code: 'UNAVAILABLE', message: 'gone' });
        assert.equal(await next, String(round));
      }
      assert.ok(ended().length > 0, 'none was ended');
      assert.deepEqual(new Set(ended().map(({ why }) => why)), new Set(['time-limit']));
    });

    test('and has answered and ended by itself when that is read, is not given the next one', async (t) => {
      const { pool, ended } = makePool(t, {});
      await pool.start();
      for (let round = 1; round <= 5; round++) {
        const calls = [runIn(pool, 'later'), runIn(pool, `echo ${round}`)];
        busy(300); // meanwhile the thread answers, and ends 20 ms later
        assert.deepEqual(await Promise.all(calls), ['dies later', String(round)]);
      }
      assert.deepEqual(ended().length, 5);
    });

    test('is free again at once after a call that cannot be sent to it', async (t) => {
      const { pool, ended } = makePool(t, {});
      await pool.start();
      const headers = { fn: () => 1 };
      const unsendable = () => assert.rejects(runIn(pool, 'echo no', { headers }), { name: 'DataCloneError' });
      await unsendable();
      const calls = [runIn(pool, 'echo 1'), unsendable(), unsendable(), runIn(pool, 'echo 2')];
      assert.deepEqual(await Promise.all(calls), ['1', undefined, undefined, '2']);
      assert.deepEqual(ended(), []);
    });
  });

  describe('threads that do not stay', { concurrency: 3 }, () => {
    test('at the start: the pool says why and does not try again', async (t) => {
      const { pool, ended } = makePool(t, { threads: 2, mode: 'dies-at-start' });
      await assert.rejects(pool.start(), /as it was asked to/);
      const before = ended().length;
      await new Promise((resolve) => setTimeout(resolve, 500));
      assert.equal(ended().length, before);
    });

    test('when idle: each is replaced after a longer wait', async (t) => {
      const { pool, ended } = makePool(t, { mode: 'dies-idle' });
      await pool.start();
      await until(() => ended().length >= 3);
      assert.deepEqual(
        ended()
          .slice(0, 3)
          .map(({ delay }) => delay),
        [200, 400, 800],
      );
    });

    test('after a call: it keeps its answer, and the next one is answered', async (t) => {
      const { call, ended } = await serve(t);
      assert.equal(await call('later'), 'dies later');
      await until(() => ended().length === 1);
      assert.equal(await call('echo next'), 'next');
    });
  });
}
