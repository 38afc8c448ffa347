import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parseAmqpUrl } from '../../src/amqp/url.ts';
import { identify } from '../../src/rabbitmq/identify.ts';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { cleanUp, type Running, runClient, startWorker } from '../../test-helpers/programs.ts';
import { RawPublisher } from '../../test-helpers/raw-publisher.ts';
import { openRaw, testQueue } from '../../test-helpers/rpc.ts';

const MIB = 1024 * 1024;

/** The most memory that a program ever had in use, in bytes. */
function peakMemory({ child }: Running): number {
  const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}

const noProc = existsSync('/proc/self/status') ? false : 'needs /proc, to see how much memory a process has had';

describe('a client cannot make a worker grow without limit', { concurrency: 3 }, () => {
  it('by the length of a request, which is refused without being held', { skip: noProc }, async (t) => {
    const { version } = await identify(parseAmqpUrl(amqpUrl()));
    if (!version.startsWith('3.')) return t.skip('RabbitMQ 4 itself refuses messages over 16 MiB');
    const scope = { after: (end: () => unknown) => cleanUp(t, end) };
    const queue = await testQueue(scope);
    const raw = await openRaw(scope);
    const { queue: replyTo } = await raw.channel.queueDeclare({ queue: '', exclusive: true });
    const replies = await raw.consume(replyTo);
    const publisher = new RawPublisher();
    cleanUp(t, () => publisher.close());
    const worker = await startWorker(t, ['--queue', queue]);
    assert.equal((await runClient(t, ['--queue', queue, '-q', '10'])).stdout, '55\n');
    const before = peakMemory(worker);
    const body = Buffer.alloc(100 * MIB, '1');
    assert.equal(await publisher.publish(queue, { body, properties: { replyTo: Buffer.from(replyTo) } }), undefined);
    assert.match(String((await replies.next()).body), /the request has 104857600 bytes; the limit is 64/);
    const grown = peakMemory(worker) - before;
    t.diagnostic(`${(grown / MIB).toFixed(0)} MiB for a request of 100 MiB`);
    assert.ok(grown < 100 * MIB, `it took ${grown} bytes`);
  });

  for (const log of ['text', 'json'] as const) {
    it(`by what it makes it log, which is limited (${log})`, async (t) => {
      const FLOOD = 2_000;
      const scope = { after: (end: () => unknown) => cleanUp(t, end) };
      const queue = await testQueue(scope);
      const raw = await openRaw(scope);
      const args = ['--queue', queue, '--prefetch', '100', '--log', log, '--log-requests'];
      const worker = await startWorker(t, args);
      const began = performance.now();
      for (let n = 0; n < FLOOD; n++) {
        await raw.publish(queue, 'no number', { replyTo: 'amq.gen-nobody' });
        await raw.publish(queue, '1', { replyTo: 'orders' });
        await raw.publish(queue, '1');
      }
      await raw.channel.queueDeclare({ queue, passive: true }); // on their channel: all of them are in the queue then
      // it waits behind them all
      assert.equal((await runClient(t, ['--queue', queue, '-q', '-t', '600s', '10'])).stdout, '55\n');
      const { stderr } = await worker.stop();
      const lines = stderr.trimEnd().split('\n');
      // in each second 100 requests, 10 of each kind below, how many more of each, and some lines about the worker itself
      const most = 20 + (1 + (performance.now() - began) / 1_000) * (101 + 3 * 11);
      assert.ok(lines.length < most, `${lines.length} lines, ${most} at most`);
      t.diagnostic(`${3 * FLOOD} requests, ${lines.length} lines, ${most.toFixed()} at most`);
      const told = (shown: RegExp, more: RegExp) => {
        const left = lines.map((line) => Number(more.exec(line)?.[1] ?? 0)).reduce((sum, count) => sum + count, 0);
        return lines.filter((line) => shown.test(line)).length + left;
      };
      // shown or counted: none is missing
      const kinds: readonly (readonly [event: string, kind: string])[] = [
        ['refused', 'INVALID_ARGUMENT'],
        ['rejected', 'refused-reply-to'],
        ['rejected', 'missing-reply-to'],
      ];
      for (const [event, kind] of kinds) {
        const shown = log === 'text' ? `^ \\[!\\] .*${kind}` : `"event":"${event}",.*"${kind}"`;
        const more =
          log === 'text'
            ? `and (\\d+) more .*\\(${event} ${kind}\\)`
            : `"event":"suppressed",.*"of":"${event}","kind":"${kind}","count":(\\d+)`;
        assert.equal(told(new RegExp(shown), new RegExp(more)), FLOOD, kind);
      }
    });
  }
});
