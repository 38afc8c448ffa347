import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import { RpcClient } from '../../src/client/client.ts';
import type { RequestHandler } from '../../src/worker/worker.ts';
import { cleanUp } from '../../test-helpers/programs.ts';
import { openRaw, startWorker, until } from '../../test-helpers/rpc.ts';
import { brokerForFile, type Outcome, underLoad } from './stage.ts';

const broker = brokerForFile();

describe('what strangers leave behind, among good requests', () => {
  test('replies that nobody can take end, and hold up nobody', async (t) => {
    const raw = await openRaw({ after: (end) => cleanUp(t, end) }, broker().url);
    const fault = '3,000 requests of callers that are gone';
    const outcome = await underLoad(t, { broker: broker(), fault }, async ({ queue, load }) => {
      for (let n = 0; n < 3_000; n++)
        await raw.publish(queue, '1', { replyTo: `amq.gen-${randomUUID()}`, correlationId: `${n}` });
      await load.goesOn(50);
    });
    assert.ok(outcome.totals.every(({ abandoned }) => abandoned === 0));
  });

  test('dead letters that come back are taken out', async (t) => {
    const raw = await openRaw({ after: (end) => cleanUp(t, end) }, broker().url);
    let sent = 0;
    const outcome = await underLoad(t, { broker: broker(), fault: 'a dead-letter cycle' }, async ({ queue, load }) => {
      const policy = JSON.stringify({ 'dead-letter-exchange': '', 'dead-letter-routing-key': queue });
      await broker().ctl('set_policy', queue, `^${queue.replaceAll('.', '\\.')}$`, policy);
      for (let n = 0; n < 20; n++) await raw.publish(queue, 'nobody to answer');
      sent += 20;
      await load.goesOn(50);
      await broker().ctl('clear_policy', queue);
    });
    const rejected = sumOf(outcome, ({ rejected: { 'missing-reply-to': count = 0 } }) => count);
    const cycles = sumOf(outcome, ({ deadLetterCycles }) => deadLetterCycles);
    console.log(`a dead-letter cycle: ${sent} requests, rejected ${rejected} times, taken out ${cycles}`);
    assert.ok(rejected <= 5 * sent && cycles > 0 && cycles <= sent);
  });
});

describe('a function that does not end', () => {
  test('holds no place past its deadline', async (t) => {
    const handler: RequestHandler = ({ body }) => (String(body) === 'never' ? new Promise(() => {}) : 'right');
    const { call, worker } = await serve(t, handler);
    let late = 0;
    let right = 0;
    for (let round = 0; round < 20; round++) {
      await call('never', 100).catch(({ code }) => (late += code === 'DEADLINE_EXCEEDED' ? 1 : 0));
      for (let n = 0; n < 10; n++) right += (await call('quick', 20_000)) === 'right' ? 1 : 0;
    }
    const { overrun, overrunning, inFlight } = worker.stats();
    console.log(
      `runs that never end: 220 calls, ${right} right, DEADLINE_EXCEEDED ${late}, overrun ${overrun}, still running ${overrunning}, in hand ${inFlight}`,
    );
    assert.deepEqual([right, late, inFlight, overrunning === overrun], [200, 20, 0, true]);
  });

  test('is not run again for a caller that is gone', async (t) => {
    const queue = `faults.${randomUUID()}`;
    let runs = 0;
    const poison: RequestHandler = () => {
      runs++;
      return new Promise(() => {});
    };
    const scope = { after: (end: () => unknown) => cleanUp(t, end) };
    const raw = await openRaw(scope, broker().url);
    await raw.channel.queueDeclare({ queue, durable: true });
    const caller = await openRaw(scope, broker().url);
    const { queue: replyTo } = await caller.channel.queueDeclare({ queue: '', exclusive: true });
    await raw.publish(queue, 'poison', { replyTo });
    let rejected = 0;
    for (let round = 0; round < 10 && rejected === 0; round++) {
      const { worker } = await startWorker(scope, poison, { queue, urls: broker().url });
      await until(() => worker.stats().received === 1);
      if (round === 2) await caller.connection.close();
      await until(() => runs === round + 1 || worker.stats().rejected['caller-gone'] === 1);
      rejected = worker.stats().rejected['caller-gone'];
      await worker.close({ grace: 0 });
    }
    console.log(`poison of a caller that leaves after three workers: ${runs} runs, ${rejected} rejected`);
    assert.deepEqual([runs, rejected], [3, 1]);
    await raw.channel.queueDelete(queue);
  });
});

/** A worker of this process, and calls to it. */
async function serve(t: Parameters<typeof cleanUp>[0], handler: RequestHandler) {
  const scope = { after: (end: () => unknown) => cleanUp(t, end) };
  const queue = `faults.${randomUUID()}`;
  const raw = await openRaw(scope, broker().url);
  await raw.channel.queueDeclare({ queue, durable: true });
  cleanUp(t, () => raw.channel.queueDelete(queue));
  const { worker } = await startWorker(scope, handler, { queue, urls: broker().url });
  const client = new RpcClient(broker().url);
  cleanUp(t, () => client.close({ grace: 0 }));
  return {
    worker,
    call: async (body: string, timeout: number) => (await client.call(queue, body, { timeout })).text(),
  };
}

function sumOf({ totals }: Outcome, count: (totals: Outcome['totals'][number]) => number): number {
  return totals.reduce((sum, one) => sum + count(one), 0);
}
