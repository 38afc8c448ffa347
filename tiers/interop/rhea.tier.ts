import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import net from 'node:net';
import path from 'node:path';
import { describe, type TestContext, test } from 'node:test';

import { amqpUrl } from '../../test-helpers/broker.ts';
import { scene } from './scene.ts';

/** Only a hang should ever reach this: no test here measures time. */
const timeout = 90_000;
const run = (program: string, ...args: string[]) => ({
  file: process.execPath,
  args: [path.resolve('tiers/interop/rhea', program), ...args],
});

/** Whether the broker answers AMQP 1.0's header with the same: RabbitMQ does since 4.0, without a plugin. */
async function speaksAmqp1(): Promise<boolean> {
  const { hostname, port } = new URL(amqpUrl());
  const header = Buffer.from('AMQP\x03\x01\x00\x00', 'latin1');
  const socket = net.connect(Number(port) || 5672, hostname);
  try {
    socket.write(header);
    for await (const answer of socket) return header.equals((answer as Buffer).subarray(0, header.length));
    return false;
  } finally {
    socket.destroy();
  }
}

let asked: Promise<boolean> | undefined;

/** Whether the test can run on this broker; where not, it has been skipped, and why is said. */
async function needed(t: TestContext): Promise<boolean> {
  asked ??= speaksAmqp1();
  if (!(await asked)) t.skip('this RabbitMQ does not speak AMQP 1.0 without a plugin: 4.0 and later do');
  return asked;
}

describe('interop with AMQP 1.0 (rhea)', () => {
  for (const queue of ['temporary-queue', 'rabbitmq:volatile-queue']) {
    for (const body of ['data', 'string', 'symbol', 'binary', 'integer']) {
      const what = `our worker answers a request by its message-id (body: ${body}; reply queue: ${queue})`;
      test(what, { timeout }, async (t) => {
        if (!(await needed(t))) return;
        const here = scene(t);
        const worker = await here.worker();
        const client = here.start(run('rpc_client.mjs', body, queue));
        const exit = await client.ended();
        if (/Dynamic source.* not supported/.test(client.stderr))
          return t.skip('this RabbitMQ makes no reply queues by AMQP 1.0');
        assert.deepEqual(exit, { code: 0, signal: null }, client.story + worker.story);
        assert.match(client.stdout, / \[\.\] Got 832040\n/, client.story);
        assert.deepEqual(await worker.stop(), { code: 0, signal: null }, worker.story);
      });
    }
  }

  for (const body of ['data', 'string', 'integer']) {
    for (const reply of ['direct', 'exclusive', 'per-request']) {
      test(`our client (--reply ${reply}) takes a reply whose body is ${body}`, { timeout }, async (t) => {
        if (!(await needed(t))) return;
        const here = scene(t);
        await (await here.worker()).stop(); // it declares the queue
        const server = here.start({ ...run('rpc_server.mjs'), env: { BODY: body } });
        await server.said(/Awaiting RPC requests/);
        const client = here.client('30', '--reply', reply);
        assert.deepEqual(await client.ended(), { code: 0, signal: null }, client.story + server.story);
        assert.equal(client.stdout, ' [.] Got 832040\n', client.story);
      });
    }
  }
});
