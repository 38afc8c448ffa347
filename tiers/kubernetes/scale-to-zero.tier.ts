import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { RpcError } from '../../src/protocol/errors.ts';
import type { PrivateBroker } from '../../src/rabbitmq/broker.ts';
import { startTestBroker } from '../../test-helpers/own-broker.ts';
import { buildWorker } from '../../test-helpers/own-function.ts';
import { openRaw, type QueueClient, type Scope, startClient, testQueue, until } from '../../test-helpers/rpc.ts';
import { type ClusterRecord, type Protocol, QUICKER, runCluster } from './cluster.ts';
import { deployed } from './deployed.ts';

/** A function that takes the time that it is asked for, in ms. */
const SLEEP = `
import { setTimeout as delay } from 'node:timers/promises';
export default async function sleep(request: { body: Buffer }) {
  await delay(Number(String(request.body)));
  return 'slept';
}`;

/** A call's limit, in ms: many times the budget of docs/scale-to-zero.md, for a machine that is busy otherwise. */
const LIMIT = 120_000;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe('workers that KEDA scales from zero and back, ten times as quick', () => {
  let broker: PrivateBroker;
  let managementUrl: string;
  before(async () => {
    const port = await freePort();
    broker = await startTestBroker({
      plugins: ['rabbitmq_management'],
      // the management API's figures are up to 5 s old by default
      config: [
        `collect_statistics_interval = ${5_000 / QUICKER}`,
        `management.tcp.port = ${port}`,
        'management.tcp.ip = 127.0.0.1',
      ],
    });
    managementUrl = `http://guest:guest@127.0.0.1:${port}`;
  });
  after(() => broker[Symbol.asyncDispose]());

  /** A cluster that runs until the test is over, or is ended. */
  async function startCluster(t: Scope, queue: string, protocol: Protocol) {
    const over = new AbortController();
    const worker = await buildWorker(t, SLEEP);
    const record: Promise<ClusterRecord> = runCluster(
      { ...deployed, amqpUrl: broker.url, managementUrl, queue, worker, podStart: 3, protocol },
      over.signal,
    );
    t.after(async () => {
      over.abort();
      await record;
    });
    return () => {
      over.abort();
      return record;
    };
  }

  /** A queue, a client that calls it, and how many workers consume it. */
  async function openQueue(t: Scope) {
    const queue = await testQueue(t, { url: broker.url });
    const { channel } = await openRaw(t, broker.url);
    const { client } = startClient(t, { urls: broker.url, queue, timeout: LIMIT });
    const workers = async () => (await channel.queueDeclare({ queue, passive: true })).consumerCount;
    return { queue, client, workers };
  }

  /** Sends `calls` calls of `milliseconds`, at most `inFlight` at a time; how they ended, counted. */
  async function send(client: QueueClient, calls: number, inFlight: number, milliseconds: number) {
    const ended: Record<string, number> = {};
    let left = calls;
    const caller = async () => {
      while (left-- > 0) {
        const outcome = await client.call(String(milliseconds)).then(
          (reply) => String(reply.body),
          (error) => (error instanceof RpcError ? error.code : String(error)),
        );
        ended[outcome] = (ended[outcome] ?? 0) + 1;
      }
    };
    await Promise.all(Array.from({ length: inFlight }, caller));
    return ended;
  }

  test('protocol http: thousands of calls while workers come and go, none lost and none failed', async (t) => {
    const { queue, client, workers } = await openQueue(t);
    const end = await startCluster(t, queue, 'http');
    const waves = 3;
    for (let wave = 0; wave < waves; wave++) {
      assert.deepEqual(await send(client, 700, 60, 20), { slept: 700 });
      // few calls, while the autoscaler takes most workers away again, some with a call in hand
      assert.deepEqual(await send(client, 60, 3, 500), { slept: 60 });
      // none: the cooldown passes, and the last worker goes
      await until(async () => (await workers()) === 0);
    }
    const { replicas, killed } = await end();
    assert.equal(killed, 0, 'no worker outlived its grace period');
    assert.equal(replicas.filter((count) => count === 0).length, waves + 1, `0 → n → 0 each time: ${replicas}`);
    assert.ok(Math.max(...replicas) > 4, `many workers: ${replicas}`);
    t.diagnostic(`${waves * 760} calls, workers: ${replicas.join(' ')}`);
  });

  /** A call, in ms, that takes longer than cooldown and grace period together: 6 s and 5.5 s here. */
  const long = 15_000;

  test('protocol http: a call longer than cooldown and grace period is answered by its first worker', async (t) => {
    const { queue, client } = await openQueue(t);
    const end = await startCluster(t, queue, 'http');
    assert.deepEqual(await send(client, 1, 1, long), { slept: 1 });
    const { replicas } = await end();
    assert.deepEqual(replicas, [0, 1]);
  });

  test('protocol amqp: the same call is never answered, for its worker is taken away each time', async (t) => {
    const { queue, client, workers } = await openQueue(t);
    const end = await startCluster(t, queue, 'amqp');
    let answered = false;
    const call = client.call(String(long), { timeout: LIMIT }).then(
      () => (answered = true),
      () => {}, // the client is closed when the test is over
    );
    for (let round = 1; round <= 3; round++) {
      await until(async () => answered || (await workers()) > 0);
      await until(async () => answered || (await workers()) === 0);
      assert.equal(answered, false, `answered in round ${round}`);
    }
    const { replicas } = await end();
    assert.ok(replicas.filter((count) => count === 0).length >= 3, `taken away each time: ${replicas}`);
    t.diagnostic(`not answered; workers: ${replicas.join(' ')}`);
    await client.close({ grace: 0 });
    await call;
  });
});
