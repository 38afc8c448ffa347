import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import { CallTimeout } from '../../src/measure/contenders/implementation.ts';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { cases, never, openCaller, startServer, target } from '../../test-helpers/implementations.ts';
import { deadUrl, urlWith } from '../../test-helpers/programs.ts';
import { openProxy } from '../../test-helpers/proxy.ts';
import { openRaw, type Raw, testQueue, until } from '../../test-helpers/rpc.ts';

/** Those that send requests `mandatory`; of the others such a call ends after 10 s, which no test waits for. */
const tellsOfMissingQueues = ['fib-worker', 'floor'];

/** Those that tell how many replies they discarded. */
const tellsOfDiscarded = ['fib-worker', 'floor', 'amqplib'];

/** An error that says more than that time passed. */
const soon = (error: unknown) => error instanceof Error && !(error instanceof CallTimeout) && error.message !== '';

for (const one of cases) {
  describe(`${one.name} with ${one.design} replies`, () => {
    test('leaves no connection and no queue when it is closed', async (t) => {
      const queue = await testQueue(t);
      const raw = await openRaw(t);
      const inbox = await raw.consume(queue);
      const proxy = await openProxy(t);
      const caller = openCaller(t, one, target(queue, proxy.url));
      const answered = caller.call('30', never);
      const { replyTo = '', correlationId = '' } = await inbox.next();
      assert.equal(proxy.established, 1);
      assert.ok(await exists(raw, replyTo), 'while the call is under way there is a reply address');
      await raw.publish(replyTo, 'yes', { correlationId });
      assert.equal(Buffer.from(await answered).toString(), 'yes');
      await caller.close();
      await until(() => proxy.established === 0);
      await until(async () => !(await exists(raw, replyTo)));
      await caller.close();
      await assert.rejects(caller.call('30', never), soon);
      assert.equal(proxy.connections, 1);
    });

    test('leaves no connection when it is closed with calls under way, which it rejects', async (t) => {
      const queue = await testQueue(t);
      const raw = await openRaw(t);
      const inbox = await raw.consume(queue);
      const proxy = await openProxy(t);
      const caller = openCaller(t, one, target(queue, proxy.url));
      const call = assert.rejects(caller.call('30', never), soon);
      await inbox.next();
      await caller.close();
      await call;
      await until(() => proxy.established === 0);
    });

    test('closes before any call, and while it connects', async (t) => {
      const to = target(await testQueue(t));
      await openCaller(t, one, to).close();
      const caller = openCaller(t, one, to);
      const call = assert.rejects(caller.call('30', never), soon);
      await caller.close();
      await call;
    });

    test('discards replies that nobody waits for', async (t) => {
      const queue = await testQueue(t);
      const raw = await openRaw(t);
      const inbox = await raw.consume(queue);
      const caller = openCaller(t, one, target(queue));
      const answered = caller.call('30', never);
      const { replyTo = '', correlationId = '' } = await inbox.next();
      await raw.publish(replyTo, 'stray', { correlationId: `${correlationId}0` });
      await raw.publish(replyTo, 'stray');
      await raw.publish(replyTo, 'yes', { correlationId });
      assert.equal(Buffer.from(await answered).toString(), 'yes');
      assert.equal(caller.discarded(), tellsOfDiscarded.includes(one.name) ? 2 : 0);
    });

    test('rejects the calls under way as soon as the connection is cut', async (t) => {
      const queue = await testQueue(t);
      const raw = await openRaw(t);
      const inbox = await raw.consume(queue);
      const proxy = await openProxy(t);
      const caller = openCaller(t, one, target(queue, proxy.url));
      const calls = [caller.call('1', never), caller.call('2', never)].map((call) => assert.rejects(call, soon));
      await inbox.next();
      await inbox.next();
      proxy.cut();
      await Promise.all(calls);
    });

    test('rejects a call for which there is no broker, or none that lets it in', async (t) => {
      const queue = await testQueue(t);
      for (const url of [await deadUrl(), urlWith({ password: 'wrong' }, amqpUrl())]) {
        await assert.rejects(openCaller(t, one, target(queue, url)).call('30', never), soon);
      }
    });

    // a call's own queue is deleted with the call, and a late reply may come before or after that
    if (one.design !== 'per-request')
      test('counts a reply that comes after its call was given up', async (t) => {
        const queue = await testQueue(t);
        const raw = await openRaw(t);
        const inbox = await raw.consume(queue);
        const caller = openCaller(t, one, target(queue));
        const given = new AbortController();
        const [late, inTime] = [caller.call('1', given.signal), caller.call('2', never)];
        const [first, second] = [await inbox.next(), await inbox.next()];
        given.abort(new Error('enough'));
        await assert.rejects(late, /^Error: enough$/);
        for (const { replyTo = '', correlationId = '' } of [first, second]) {
          await raw.publish(replyTo, 'yes', { correlationId });
        }
        await inTime;
        assert.equal(caller.discarded(), 1);
      });

    if (!tellsOfMissingQueues.includes(one.name)) return;
    test('rejects a call to a queue that does not exist', async (t) => {
      const caller = openCaller(t, one, target(`test.${randomUUID()}`));
      await assert.rejects(caller.call('30', never), /312/);
    });
  });
}

for (const one of new Map(cases.map((each) => [each.name, each])).values()) {
  describe(`the server of ${one.name}`, () => {
    test('fails to start where the queue, or the broker, is missing', async (t) => {
      // fib-worker's would declare the queue
      const queue = await testQueue(t);
      await assert.rejects(startServer(t, one, target(queue, await deadUrl())), soon);
      if (one.name === 'fib-worker') return;
      const proxy = await openProxy(t);
      await assert.rejects(startServer(t, one, target(`test.${randomUUID()}`, proxy.url)), /NOT_FOUND/);
      await until(() => proxy.established === 0);
    });

    test('tells once that its connection was cut', async (t) => {
      const proxy = await openProxy(t);
      const server = await startServer(t, one, target(await testQueue(t), proxy.url));
      proxy.refuse = true;
      proxy.cut();
      await until(() => server.ended.length > 0);
      await server.close();
      assert.equal(server.ended.length, 1);
      assert.ok(soon(server.ended[0]));
    });

    test('leaves what it did not answer to the next one when it is closed', async (t) => {
      const queue = await testQueue(t);
      const proxy = await openProxy(t);
      const first = await startServer(t, one, target(queue, proxy.url), 10);
      const caller = openCaller(t, one, target(queue));
      const calls = Array.from({ length: 300 }, () => caller.call('30', never));
      await calls[0];
      await first.close();
      await until(() => proxy.established === 0);
      await startServer(t, one, target(queue), 10);
      for (const reply of await Promise.all(calls)) assert.equal(Buffer.from(reply).toString(), '832040');
      assert.equal(caller.discarded(), 0, 'none was answered twice');
      assert.deepEqual(first.ended, []);
    });
  });
}

/** Whether there is a queue, or a reply address, of this name; asked on a channel that the answer may close. */
async function exists({ connection }: Raw, queue: string): Promise<boolean> {
  const channel = await connection.openChannel();
  try {
    await channel.queueDeclare({ queue, passive: true });
    return true;
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === 'RESOURCE_LOCKED') return true; // exclusive, and not ours
    assert.equal(code, 'NOT_FOUND');
    return false;
  } finally {
    await channel.close();
  }
}
