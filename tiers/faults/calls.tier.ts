// Calls that time out, or are aborted, by the hundred thousand. That takes minutes: in the
// tier's short form, without --minutes, there are fewer, still far more than would exhaust a stack or be in flight.
import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type ReplyDesign, replyDesigns } from '../../src/client/designs/index.ts';
import { openClient, openRaw, testQueue, until } from '../../test-helpers/rpc.ts';
import { brokerForFile, minutes } from './stage.ts';

/** For each design and way of ending. */
const CALLS = minutes > 0 ? 200_000 : 20_000;
const broker = brokerForFile();

describe(`${CALLS} calls at once`, () => {
  for (const reply of Object.keys(replyDesigns) as ReplyDesign[]) {
    for (const end of ['time out', 'are aborted, one after the other', 'are aborted by one signal'] as const) {
      test(`with ${reply} replies that ${end} end no process, and none is sent in the place of another`, async (t) => {
        const { url } = broker();
        const queue = await testQueue(t, { url });
        const { received } = await (await openRaw(t, url)).consume(queue);
        const timeout = end === 'time out' ? 10_000 : 600_000;
        const { client } = openClient(t, { urls: url, reply, timeout, maxWaiting: CALLS });
        await client.connect();
        const shared = new AbortController();
        const controllers: AbortController[] = [];
        const ended: Record<string, number> = {};
        const calls = Array.from({ length: CALLS }, async () => {
          const controller = end === 'are aborted, one after the other' ? new AbortController() : shared;
          if (controller !== shared) controllers.push(controller);
          const { code, name } = await client.call(queue, '1', { signal: controller.signal }).catch((error) => error);
          const how = typeof code === 'string' ? code : name;
          ended[how] = (ended[how] ?? 0) + 1;
        });
        if (end !== 'time out') {
          await until(() => received.length === 1_000); // the most that may be in flight
          for (const controller of [...controllers, shared]) controller.abort();
          assert.deepEqual(client.stats(), { ...client.stats(), inFlight: 0, waiting: 0 });
        }
        await Promise.all(calls);
        assert.deepEqual(ended, { [end === 'time out' ? 'DEADLINE_EXCEEDED' : 'AbortError']: CALLS });
        if (end !== 'time out') assert.equal(received.length, 1_000);
        t.diagnostic(`${CALLS} calls, ${reply}, that ${end}: ${JSON.stringify(ended)}, ${received.length} sent`);
      });
    }
  }

  test('correlation ids: who read some can forge the reply to none of the next', async (t) => {
    const { url } = broker();
    const queue = await testQueue(t, { url });
    const raw = await openRaw(t, url);
    const requests = await raw.consume(queue);
    const { client } = openClient(t, { urls: url });
    const calls = Array.from({ length: 1_000 }, () => client.call(queue, '1'));
    const replies = Promise.all(calls);
    await until(() => requests.received.length === calls.length);
    const [first] = requests.received;
    assert.ok(first);
    const [, tag = ''] = /^(.{11})\d+$/.exec(first.correlationId ?? '') ?? [];
    for (let number = 2; number <= calls.length; number++)
      await raw.publish(first.replyTo ?? '', 'forged', { correlationId: `${tag}${number}` });
    for (const { replyTo = '', correlationId } of requests.received)
      await raw.publish(replyTo, 'true', { correlationId });
    const forged = (await replies).filter((reply) => reply.text() === 'forged').length;
    const { discarded } = client.stats();
    assert.deepEqual([forged, discarded], [0, { late: 0, duplicate: 0, unknown: calls.length - 1 }]);
    t.diagnostic(
      `${calls.length - 1} replies forged after one request was read: ${forged} taken, ${discarded.unknown} unknown`,
    );
  });
});
