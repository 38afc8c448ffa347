import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, test } from 'node:test';
import { type ReplyDesign, replyDesigns } from '../../src/client/designs/index.ts';
import { RpcError } from '../../src/protocol/errors.ts';
import { openProxy } from '../../test-helpers/proxy.ts';
import { int, method, short } from '../../test-helpers/raw-amqp.ts';
import { openClient, openRaw, startClient, startWorker, testQueue, until } from '../../test-helpers/rpc.ts';

const echo = ({ body }: { body: Buffer }) => `echo ${body}`;
const never = () => new Promise<string>(() => {});
const rejection = (code: string, reason?: string) => (error: unknown) => {
  assert.ok(error instanceof RpcError, String(error));
  assert.deepEqual([error.code, error.reason], [code, reason]);
  return true;
};

for (const reply of Object.keys(replyDesigns) as ReplyDesign[]) {
  describe(`a client with ${reply} replies`, { concurrency: true }, () => {
    test('gets the answer to its call', async (t) => {
      const queue = await testQueue(t);
      await startWorker(t, echo, { queue });
      const { client } = startClient(t, { queue, reply });
      const answer = await client.call('30');
      assert.equal(answer.body.toString(), 'echo 30');
      assert.equal(answer.contentType, 'text/plain');
    });

    test('gives each of many calls in flight its own answer, in any order', async (t) => {
      const queue = await testQueue(t);
      const shuffle = async ({ body }: { body: Buffer }) => {
        for (let turns = Math.floor(Math.random() * 5); turns > 0; turns--) await new Promise(setImmediate);
        return `echo ${body}`;
      };
      await startWorker(t, shuffle, { queue, prefetch: 50 });
      const { client } = startClient(t, { queue, reply });
      const numbers = Array.from({ length: 300 }, (_, n) => n);
      const answers = await Promise.all(numbers.map((n) => client.call(String(n))));
      assert.deepEqual(
        answers.map(({ body }) => body.toString()),
        numbers.map((n) => `echo ${n}`),
      );
      assert.deepEqual(client.stats(), { waiting: 0, inFlight: 0, discarded: { late: 0, duplicate: 0, unknown: 0 } });
    });

    test("rejects with the worker's code and detail when the worker refuses", async (t) => {
      const queue = await testQueue(t);
      await startWorker(
        t,
        () => {
          throw new RpcError('INVALID_ARGUMENT', 'n must be a number');
        },
        { queue },
      );
      const { client } = startClient(t, { queue, reply });
      await assert.rejects(client.call('x'), {
        code: 'INVALID_ARGUMENT',
        message: 'n must be a number',
        reason: 'ERROR_REPLY',
      });
    });

    test('rejects when the time limit passes, and discards the reply that comes late', async (t) => {
      const queue = await testQueue(t);
      const raw = await openRaw(t);
      const requests = await raw.consume(queue);
      const { client, events } = openClient(t, { reply });
      await client.connect();
      // on a slow machine the request may expire before it is delivered
      do await assert.rejects(client.call(queue, '1', { timeout: 300 }), rejection('DEADLINE_EXCEEDED', 'TIMEOUT'));
      while (requests.received.length === 0);
      if (reply === 'per-request') return; // its queue went with the call: the broker discards the reply
      const { replyTo = '', correlationId } = await requests.next();
      await raw.publish(replyTo, 'too late', { correlationId });
      await until(() => client.stats().discarded.late === 1);
      assert.equal(events.filter(({ type }) => type === 'discarded').length, 1);
    });

    test("rejects with the signal's reason when it is aborted, and keeps no listener", async (t) => {
      const queue = await testQueue(t);
      await startWorker(t, never, { queue });
      const { client } = startClient(t, { queue, reply });
      const controller = new AbortController();
      const call = client.call('1', { signal: controller.signal });
      await until(() => client.stats().inFlight === 1);
      const reason = new Error('changed my mind');
      controller.abort(reason);
      await assert.rejects(call, reason);
      await assert.rejects(client.call('1', { signal: controller.signal }), reason);
      assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
      assert.equal(client.stats().inFlight, 0);
    });

    test('rejects at once what can be no content type, and the next call is answered', async (t) => {
      const queue = await testQueue(t);
      await startWorker(t, ({ contentType }: { contentType: string | undefined }) => `${contentType}`, { queue });
      const { client } = startClient(t, { queue, reply });
      for (const wrong of [5, ['text/plain'], 'text', 'text/pläin', `text/${'x'.repeat(255)}`]) {
        const contentType = wrong as string; // as JavaScript may give it
        await assert.rejects(client.call('', { contentType }), /^TypeError: contentType: expected one such as/);
      }
      assert.equal(String((await client.call('1', { contentType: 'a/b; c=d' })).body), 'a/b; c=d');
      assert.equal(String((await client.call('1')).body), 'text/plain');
    });

    test('rejects at once when there is no such queue', async (t) => {
      const { client } = startClient(t, { queue: 'test.there-is-no-such-queue', reply });
      await assert.rejects(client.call('1'), rejection('UNAVAILABLE', 'NO_QUEUE'));
    });

    test('discards duplicate and unknown replies, and counts them', async (t) => {
      const queue = await testQueue(t);
      const raw = await openRaw(t);
      const requests = await raw.consume(queue);
      const { client } = startClient(t, { queue, reply });
      const first = client.call('1');
      const second = client.call('2');
      const sent = [await requests.next(), await requests.next()];
      const [one, two] = ['1', '2'].map((body) => sent.find((request) => String(request.body) === body)) as typeof sent;
      assert.ok(one && two);
      const answer = (request: typeof one, body: string, correlationId: string | undefined) =>
        raw.publish(request.replyTo ?? '', body, correlationId === undefined ? {} : { correlationId });
      await answer(one, 'forged', 'no id of this client');
      await answer(one, 'nameless', undefined);
      await answer(one, 'not issued yet', `${one.correlationId?.slice(0, 16)}zzz`);
      await answer(one, 'the answer', one.correlationId);
      assert.equal((await first).body.toString(), 'the answer');
      if (reply === 'per-request') {
        await answer(two, 'a duplicate of another', one.correlationId);
      } else await answer(one, 'the answer again', one.correlationId);
      await answer(two, 'the other answer', two.correlationId);
      assert.equal((await second).body.toString(), 'the other answer');
      assert.deepEqual(client.stats().discarded, { late: 0, duplicate: 1, unknown: 3 });
    });

    test('rejects what is pending at once when the connection is cut, and connects anew for the next call', async (t) => {
      const queue = await testQueue(t);
      const proxy = await openProxy(t);
      const { worker } = await startWorker(t, ({ body }) => (String(body) === 'wait' ? never() : 'ok'), {
        queue,
        prefetch: 20,
      });
      const { client } = startClient(t, { queue, reply, urls: proxy.url });
      const calls = Array.from({ length: 10 }, () => client.call('wait'));
      await until(() => worker.stats().inFlight === 10);
      proxy.cut();
      for (const outcome of await Promise.allSettled(calls)) {
        assert.equal(outcome.status, 'rejected');
        rejection('UNAVAILABLE', 'CONNECTION_LOST')((outcome as PromiseRejectedResult).reason);
      }
      assert.equal((await client.call('go on')).body.toString(), 'ok');
      assert.equal(proxy.connections, 2);
    });

    test('asks again after a cut connection if it may, also while the broker is away', async (t) => {
      const queue = await testQueue(t);
      const proxy = await openProxy(t);
      let asked = 0;
      const { worker } = await startWorker(t, () => (asked++ === 0 ? never() : 'ok'), { queue, prefetch: 2 });
      const { client, events } = startClient(t, { queue, reply, urls: proxy.url, retry: true });
      const call = client.call('1');
      await until(() => worker.stats().inFlight === 1);
      proxy.refuse = true;
      proxy.cut();
      await until(() => proxy.connections >= 3);
      proxy.refuse = false;
      assert.equal((await call).body.toString(), 'ok');
      assert.equal(events.filter(({ type }) => type === 'retry').length, 1);
    });

    test('loses no call that is made after the broker has said that it closes the connection', async (t) => {
      const queue = await testQueue(t);
      const { worker } = await startWorker(t, echo, { queue });
      const proxy = await openProxy(t);
      const { client } = openClient(t, { reply, urls: proxy.url });
      await client.call(queue, '1');
      const told = new Promise((resolve) => client.on('unblocked', resolve));
      const blockedAndNot = Buffer.concat([method(0, 10, 60, short('low on memory')), method(0, 10, 61)]);
      proxy.say(Buffer.concat([blockedAndNot, method(0, 10, 50, int(2, 320), short('bye'), int(4, 0))]));
      await told; // all three are read at once, and the socket has not ended yet
      assert.equal((await client.call(queue, '2')).text(), 'echo 2');
      assert.equal(worker.stats().requests, 2);
    });

    test('says of a call without time to send it no more than that', async (t) => {
      const queue = await testQueue(t);
      await startWorker(t, echo, { queue });
      const { client } = startClient(t, { queue, reply, maxInFlight: 7 });
      await client.call('1'); // it is connected
      await assert.rejects(client.call('1', { timeout: 1 }), {
        code: 'DEADLINE_EXCEEDED',
        message:
          reply === 'per-request' ? /made no reply queue/ : /^not sent within 1 ms: its turn came too late; at most 7/,
      });
    });

    test('lets calls above the bound wait, inside their time limit', async (t) => {
      const queue = await testQueue(t);
      let open = (_: string) => {};
      const gate = new Promise<string>((resolve) => {
        open = resolve;
      });
      const { worker } = await startWorker(t, () => gate, { queue, prefetch: 20 });
      const { client } = startClient(t, { queue, reply, maxInFlight: 3 });
      const calls = Array.from({ length: 8 }, () => client.call('1'));
      await until(() => worker.stats().inFlight === 3);
      assert.deepEqual([client.stats().inFlight, client.stats().waiting], [3, 5]);
      const code = 'DEADLINE_EXCEEDED';
      await assert.rejects(client.call('1', { timeout: 200 }), {
        code,
        message: /at most 3 calls are in flight at a time/,
      });
      open('done');
      assert.equal((await Promise.all(calls)).length, 8);
      assert.equal(worker.stats().requests, 8, 'the call that timed out was never sent');
    });

    test('refuses calls when too many wait already, and takes more when they have gone out', async (t) => {
      const queue = await testQueue(t);
      await startWorker(t, echo, { queue });
      const { client } = startClient(t, { queue, reply, maxInFlight: 1, maxWaiting: 3 });
      // not connected yet, so all of them wait
      const calls = [1, 2, 3].map((n) => client.call(String(n)));
      await assert.rejects(client.call('4'), { code: 'RESOURCE_EXHAUSTED', message: /^3 calls wait already/ });
      assert.equal((await Promise.all(calls)).length, 3);
      assert.equal(String((await client.call('5')).body), 'echo 5');
    });

    test('gives up what has not settled when the grace is over', async (t) => {
      const queue = await testQueue(t);
      await startWorker(t, never, { queue });
      const { client } = startClient(t, { queue, reply });
      const call = client.call('1');
      const outcome = assert.rejects(call, rejection('CANCELLED', 'CLOSED'));
      await client.close({ grace: 50 });
      await outcome;
    });
  });
}

// one after the other, and alone: what is left behind is looked for in the whole process
describe('a client that is closed', () => {
  for (const reply of Object.keys(replyDesigns) as ReplyDesign[])
    test(`drains, and leaves no timer, socket or reply queue behind (${reply} replies)`, async (t) => {
      const queue = await testQueue(t);
      const raw = await openRaw(t);
      const requests = await raw.consume(queue);
      const before = process.getActiveResourcesInfo().sort();
      const { client } = startClient(t, { queue, reply });
      const call = client.call('1', { signal: new AbortController().signal });
      const request = await requests.next();
      const closed = client.close();
      assert.equal(client.close(), closed, 'closing twice is closing once');
      await assert.rejects(client.call('2'), rejection('CANCELLED', 'CLOSED'));
      await raw.publish(request.replyTo ?? '', 'the last answer', { correlationId: request.correlationId });
      assert.equal((await call).body.toString(), 'the last answer');
      await closed;
      await until(() => process.getActiveResourcesInfo().length <= before.length);
      await assert.rejects(raw.channel.queueDeclare({ queue: request.replyTo ?? '', passive: true }), {
        code: 'NOT_FOUND',
      });
    });
});

describe('a client whose connection is cut', { concurrency: true }, () => {
  test('says of a call that ran, and was lost, that it was sent', async (t) => {
    const queue = await testQueue(t);
    const { worker } = await startWorker(t, never, { queue });
    const proxy = await openProxy(t);
    const { client } = openClient(t, { urls: proxy.url, retry: true });
    await client.connect();
    const rejected = assert.rejects(client.call(queue, '1', { timeout: 3_000 }), {
      code: 'DEADLINE_EXCEEDED',
      reason: 'NO_BROKER',
      message: /^sent, lost with its connection, and not sent again within 3 s: there was no connection to RabbitMQ/,
    });
    await until(() => worker.stats().inFlight === 1);
    proxy.refuse = true;
    proxy.cut();
    await rejected;
  });

  for (const reply of Object.keys(replyDesigns) as ReplyDesign[])
    test(`again and again comes back, but more and more slowly (${reply} replies)`, async (t) => {
      const queue = await testQueue(t);
      const proxy = await openProxy(t);
      const { client, events } = startClient(t, { queue, reply, urls: proxy.url, retry: true });
      const cutting = setInterval(() => {
        if (client.stats().inFlight > 0) proxy.cut();
      }, 1);
      t.after(() => clearInterval(cutting));
      await assert.rejects(client.call('1', { timeout: 2_000 }), { code: 'DEADLINE_EXCEEDED' });
      // delays of at least 50, 100, 200, 400, 800 ms from the third time on; without them there are hundreds
      const connected = events.filter(({ type }) => type === 'connected').length;
      assert.ok(connected >= 2 && connected <= 7, `${connected} connections in 2 s`);
    });
});
