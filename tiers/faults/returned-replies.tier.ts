// Replies to queues that are never there. They go out again after pauses of up to 5 s, so this takes as long as that.
import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ReturnedReplies } from '../../src/worker/returned-replies.ts';
import { openRaw, until } from '../../test-helpers/rpc.ts';

describe('replies that nobody can take', { concurrency: true }, () => {
  for (const [what, count, bound, queueOf] of [
    ['many to one queue', 3_000, 3_000 + 7 * 100, () => 'gone'],
    ['one each to many queues', 3_000, 3_000 + 7 * 1_000, (n: number) => `${n}`],
  ] as const)
    test(`come back a bounded number of times, and then no more: ${what}`, async (t) => {
      const { channel } = await openRaw(t);
      let returned = 0;
      channel.on('basic.return', () => returned++);
      const replies = new ReturnedReplies(channel, () => false);
      const run = randomUUID();
      for (let n = 0; n < count; n++) {
        const message = {
          exchange: '',
          routingKey: `amq.gen-${run}-${queueOf(n)}`,
          correlationId: `${n}`,
          mandatory: true,
        };
        channel.publish(message, Buffer.from('reply'));
      }
      await until(() => returned >= count);
      let before = 0;
      // the longest pause is 5 s
      while (before !== returned) {
        before = returned;
        await sleep(6_000);
      }
      t.diagnostic(`${returned} came back`);
      assert.ok(returned > count && returned <= bound, `${returned} came back`);
      for (let n = 0; n < 500; n++) {
        const message = {
          exchange: '',
          routingKey: `amq.gen-${run}-${queueOf(0)}`,
          correlationId: `x${n}`,
          mandatory: true,
        };
        channel.publish(message, Buffer.from('reply'));
      }
      await until(() => returned >= before + 500);
      await replies.settled();
      assert.equal(returned, before + 500, 'those that are late are not sent again');
    });
});
