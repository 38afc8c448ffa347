import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { inspectQueue } from '../../src/amqp/queues.ts';
import { parseAmqpUrl } from '../../src/amqp/url.ts';
import { findBroker } from '../../src/rabbitmq/find.ts';
import { temporaryQueue } from '../../src/rabbitmq/temporary-queue.ts';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { programFolder } from '../../test-helpers/built.ts';

/** Beside the tests' folder, see build.mjs. */
const program = path.join(programFolder, 'demo.js');

function startDemo(
  env: Record<string, string>,
  [command = '', ...args]: readonly string[] = [process.execPath, program],
) {
  const { FIB_WORKER_GUARD: _, ...inherited } = process.env;
  return spawn(command, args, { env: { ...inherited, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
}

async function hasQueue(name: string): Promise<boolean> {
  return (await inspectQueue(parseAmqpUrl(amqpUrl()), name)) !== undefined;
}

test('the demo answers fib(30) on a broker that is there, and leaves no queue', async () => {
  const demo = startDemo({ AMQP_URL: amqpUrl() });
  const [stdout, stderr, [code]] = await Promise.all([text(demo.stdout), text(demo.stderr), once(demo, 'exit')]);
  assert.equal(code, 0, stderr);
  assert.equal(stdout, 'fib(30) = 832040\n');
  assert.match(stderr, /the call took \d+\.\d ms/);
  assert.match(stderr, /node dist\/client\.js 30/);
  const queue = /fib-worker\.demo\.[0-9a-f]+/.exec(stderr)?.[0] ?? '';
  assert.equal(await hasQueue(queue), false);
});

test('the demo says in one line what is wrong with AMQP_URL', async () => {
  const demo = startDemo({ AMQP_URL: 'amqp://127.0.0.1:1' });
  const [stderr, [code]] = await Promise.all([text(demo.stderr), once(demo, 'exit')]);
  assert.equal(code, 1);
  assert.match(stderr, /^Looking for a RabbitMQ …\nAMQP_URL: [^\n]+\n$/);
});

test('the demo, interrupted, cleans up and exits 130', async () => {
  const demo = startDemo({ AMQP_URL: amqpUrl() });
  let stderr = '';
  demo.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    if (!stderr.includes('Starting') && (stderr + chunk).includes('Starting')) demo.kill('SIGINT');
    stderr += chunk;
  });
  const [code] = await once(demo, 'exit');
  assert.equal(code, 130);
  const queue = /fib-worker\.demo\.[0-9a-f]+/.exec(stderr)?.[0] ?? '';
  assert.notEqual(queue, '');
  assert.equal(await hasQueue(queue), false);
});

test('the demo exits 1 if its answer cannot be written', { skip: !existsSync('/dev/full') }, async () => {
  const inShell = ['sh', '-c', 'exec "$0" "$1" > /dev/full', process.execPath, program];
  const demo = startDemo({ AMQP_URL: amqpUrl() }, inShell);
  const [stderr, [code]] = await Promise.all([text(demo.stderr), once(demo, 'exit')]);
  assert.equal(code, 1, stderr);
  assert.match(stderr, /^the output can't be written: ENOSPC/m);
});

test('a temporary queue is there until it is disposed of', async (t) => {
  const broker = await findBroker({ env: { AMQP_URL: amqpUrl() }, say: () => {} });
  const queue = await temporaryQueue(broker, 'fib-worker.test', { say: (line) => t.diagnostic(line) });
  assert.match(queue.name, /^fib-worker\.test\.[0-9a-f]{12}$/);
  assert.equal(await hasQueue(queue.name), true);
  await queue[Symbol.asyncDispose]();
  assert.equal(await hasQueue(queue.name), false);
});
