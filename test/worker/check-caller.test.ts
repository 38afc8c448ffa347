import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { parseAmqpUrl } from '../../src/amqp/url.ts';
import { CallerProbe } from '../../src/worker/caller-probe.ts';
import { openRaw, startClient, startWorker, testQueue, until } from '../../test-helpers/rpc.ts';

describe('a worker that looks up callers before it works', { concurrency: true }, () => {
  for (const reply of ['direct', 'exclusive'] as const) {
    test(`does nothing for one that is gone, and answers one that is there (${reply})`, async (t) => {
      const queue = await testQueue(t);
      const { client: leaving } = startClient(t, { queue, reply });
      const { client: staying } = startClient(t, { queue, reply });
      const raw = await openRaw(t);
      const waiting = async () => (await raw.channel.queueDeclare({ queue, passive: true })).messageCount;
      const lost = assert.rejects(leaving.call('nobody waits for this'), { reason: 'CLOSED' });
      await until(async () => (await waiting()) === 1);
      await leaving.close({ grace: 0 });
      await lost;
      const ran: string[] = [];
      const work = ({ body }: { body: Buffer }) => {
        ran.push(String(body));
        return 'done';
      };
      const { worker, events } = await startWorker(t, work, { queue, checkCaller: true });
      for (let i = 0; i < 3; i++) assert.equal(String((await staying.call(`${i}`)).body), 'done');
      assert.deepEqual(ran, ['0', '1', '2']);
      assert.equal(worker.stats().rejected['caller-gone'], 1);
      assert.deepEqual(
        events.filter(({ type }) => type === 'probe-failed' || type === 'disconnected'),
        [],
      );
    });
  }
});

test('a count of deliveries that the sender of a request wrote is not believed', async (t) => {
  const queue = await testQueue(t, { args: { 'x-queue-type': 'classic' } });
  const raw = await openRaw(t);
  const { queue: replyTo } = await raw.channel.queueDeclare({ queue: '', exclusive: true });
  const inbox = await raw.consume(replyTo);
  const { worker } = await startWorker(t, () => 'answered', { queue });
  await raw.publish(queue, '', { replyTo, headers: { 'x-delivery-count': 99 } });
  assert.equal(String((await inbox.next()).body), 'answered');
  assert.equal(worker.stats().rejected['delivered-too-often'], 0);
});

test('a broker that can not be asked is not asked for each of many callers', async (t) => {
  const nobody = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  t.after(() => nobody.close());
  await once(nobody, 'listening');
  let asked = 0;
  nobody.on('connection', () => asked++);
  const { port } = nobody.address() as AddressInfo;
  const probe = new CallerProbe(parseAmqpUrl(`amqp://127.0.0.1:${port}`), {});
  t.after(() => probe.close());
  await assert.rejects(probe.isThere('a'));
  await delay(1_100);
  const answers = await Promise.allSettled(Array.from({ length: 50 }, (_, n) => probe.isThere(String(n))));
  assert.equal(answers.filter(({ status }) => status === 'rejected').length, 2);
  assert.equal(asked, 3);
});
