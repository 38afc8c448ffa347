import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { parseAmqpUrl } from '../../src/amqp/url.ts';
import { identify } from '../../src/rabbitmq/identify.ts';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { scene } from './scene.ts';

/** Only a hang should ever reach this: no test here measures time. */
const timeout = 90_000;
const run = (program: string, ...args: string[]) => ({
  file: process.execPath,
  args: [path.resolve('tiers/interop/rhea', program), ...args],
});

/** RabbitMQ speaks AMQP 1.0 without a plugin since 4.0; it makes reply queues by it, and knows Direct Reply-To in it, since 4.2. */
const SERVERS = 4.0;
const REPLY_QUEUES = 4.2;

let asked: Promise<number> | undefined;

/** Whether the test can run on this broker; where not, it has been skipped, and why is said. */
async function needs(t: TestContext, version: number): Promise<boolean> {
  asked ??= identify(parseAmqpUrl(amqpUrl())).then((broker) => Number.parseFloat(broker.version));
  const there = await asked;
  if (there < version) t.skip(`RabbitMQ ${there} does not do that by AMQP 1.0: ${version.toFixed(1)} and later do`);
  return there >= version;
}

describe('interop with AMQP 1.0 (rhea)', () => {
  for (const queue of ['temporary-queue', 'rabbitmq:volatile-queue']) {
    for (const body of ['data', 'string', 'symbol', 'binary', 'integer']) {
      const what = `our worker answers a request by its message-id (body: ${body}; reply queue: ${queue})`;
      test(what, { timeout }, async (t) => {
        if (!(await needs(t, REPLY_QUEUES))) return;
        const here = scene(t);
        const worker = await here.worker();
        const client = here.start(run('rpc_client.mjs', body, queue));
        const exit = await client.ended();
        assert.deepEqual(exit, { code: 0, signal: null }, client.story + worker.story);
        assert.match(client.stdout, / \[\.\] Got 832040\n/, client.story);
        assert.deepEqual(await worker.stop(), { code: 0, signal: null }, worker.story);
      });
    }
  }

  for (const body of ['data', 'string', 'integer']) {
    for (const reply of ['direct', 'exclusive', 'per-request']) {
      test(`our client (--reply ${reply}) takes a reply whose body is ${body}`, { timeout }, async (t) => {
        if (!(await needs(t, reply === 'direct' ? REPLY_QUEUES : SERVERS))) return;
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
