import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import type { MessageProperties } from '../../src/amqp/channel.ts';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { until } from '../../test-helpers/processes.ts';
import { cleanUp, runClient, start, startWorker, uniqueQueue } from '../../test-helpers/programs.ts';
import { openRaw } from '../../test-helpers/rpc.ts';

/** Serves a queue as a worker of somebody else's may: each request gets this reply. */
async function strangeWorker(t: TestContext, body: string, properties: MessageProperties = {}): Promise<string> {
  const queue = uniqueQueue(t);
  const raw = await openRaw({ after: (end) => cleanUp(t, end) });
  await raw.channel.queueDeclare({ queue, durable: true });
  await raw.channel.basicConsume({ queue, noAck: true }, ({ replyTo, correlationId }) => {
    if (replyTo !== undefined)
      void raw.publish(replyTo, body, { ...properties, ...(correlationId && { correlationId }) });
  });
  return queue;
}

const ODD = 'a\x1b[31m\u0085\u007f\u009b\u202e\u2028b';

describe('the client of a worker of somebody else’s', { concurrency: 3 }, () => {
  for (const answer of ['1.2200160415122E+19', '12200160415122876738n', '', '0x5', '-5', 'NaN', '\u0000Sw832040']) {
    it(`takes ${JSON.stringify(answer)} for no number`, async (t) => {
      const queue = await strangeWorker(t, answer);
      const { code, stdout, stderr } = await runClient(t, ['--queue', queue, '-q', '93']);
      assert.deepEqual([code, stdout], [1, '']);
      assert.match(stderr, /^ \[!\] fib\(93\): DATA_LOSS: the reply is no whole number [^\n]+; --body [^\n]+\n$/);
      const json = await runClient(t, ['--queue', queue, '--json', '93']);
      assert.equal(json.code, 1);
      const { error } = JSON.parse(json.stdout) as { error: Record<string, unknown> };
      assert.deepEqual([error.code, error.reason], ['DATA_LOSS', 'UNREADABLE']);
    });
  }

  it('takes digits with a line end for a number', async (t) => {
    const queue = await strangeWorker(t, '832040\r\n');
    assert.deepEqual((await runClient(t, ['--queue', queue, '-q', '30'])).stdout, '832040\n');
  });

  const refusal = JSON.stringify({ title: ODD, detail: ODD, code: 'INVALID_ARGUMENT' });
  const replies: readonly (readonly [what: string, args: string[], body: string, properties: MessageProperties])[] = [
    ['a number', ['30'], ODD, {}],
    ['a body', ['--body', 'x'], ODD, { contentType: 'text/plain' }],
    ['JSON', ['--body', 'x'], JSON.stringify({ odd: ODD }), { contentType: 'application/json' }],
    ['a content type', ['--body', 'x'], 'x', { contentType: 'text/\u009bx' }],
    ['an error reply', ['30'], refusal, { type: 'error', contentType: 'application/problem+json' }],
    ['an error reply to a body', ['--body', 'x'], refusal, { type: 'error' }],
  ];
  for (const [what, args, body, properties] of replies) {
    it(`prints nothing with --json that could meddle with a terminal, and loses nothing of it: ${what}`, async (t) => {
      const queue = await strangeWorker(t, body, properties);
      const { stdout, stderr } = await runClient(t, ['--queue', queue, '--json', '--verbose', ...args]);
      assert.doesNotMatch(stdout + stderr, /[^\P{Cc}\n]|[\p{Zl}\p{Bidi_Control}]/u);
      const line = JSON.parse(stdout) as { body?: string; error?: { message: string } };
      if (what === 'a body') assert.equal(line.body, ODD);
      if (what === 'an error reply') assert.ok(line.error?.message.includes(ODD), line.error?.message);
    });
  }
});

describe('the client', { concurrency: 3 }, () => {
  it('asks no more while nobody reads its answers, and goes on when somebody does', async (t) => {
    const CALLS = 3_000;
    const queue = uniqueQueue(t);
    const worker = await startWorker(t, ['--queue', queue, '--prefetch', '50', '--http-port', '0']);
    const client = start(t, 'client.js', ['--queue', queue, '-q', '-'], { input: '10000\n'.repeat(CALLS) });
    client.child.stdout.pause();
    const answered = async () => {
      const response = await fetch(`http://127.0.0.1:${worker.records('http')[0]?.port}/metrics`);
      return Number(
        /^rpc_server_call_duration_seconds_count\{[^}]*rpc_status_code="OK"[^}]*\} (\d+)$/m.exec(
          await response.text(),
        )?.[1],
      );
    };
    let before = -1;
    await until('the client has stopped asking', async () => {
      const now = await answered();
      const stopped = now > 0 && now === before;
      before = now;
      if (!stopped) await new Promise((resolve) => setTimeout(resolve, 1_000));
      return stopped;
    });
    // what fits into the pipe, here and in the kernel, and those in flight: about 2 kB each
    assert.ok(before < 1_000, `${before} answers, and nobody has read one`);
    client.child.stdout.resume();
    const { code, stdout } = await client.end();
    assert.deepEqual([code, stdout.split('\n').length], [0, CALLS + 1]);
  });

  it('reaches the second broker where the first one says nothing', async (t) => {
    const queue = uniqueQueue(t);
    await startWorker(t, ['--queue', queue]);
    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    cleanUp(t, () => silent.close());
    await once(silent, 'listening');
    const { port } = silent.address() as { port: number };
    const url = `amqp://127.0.0.1:${port},${amqpUrl()}`;
    const { code, stdout, stderr } = await runClient(t, ['--queue', queue, '-q', '30'], { url });
    assert.deepEqual([code, stdout], [0, '832040\n'], stderr);
  });
});
