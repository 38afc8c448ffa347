import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { RpcClient } from '../../src/client/client.ts';
import { processorTimeOf } from '../../src/measure/engine/broker-processes.ts';
import type { RequestHandler } from '../../src/worker/worker.ts';
import { buildWorker } from '../../test-helpers/own-function.ts';
import { cleanUp, type Running, start } from '../../test-helpers/programs.ts';
import { openRaw, startWorker, until } from '../../test-helpers/rpc.ts';
import { census } from './census.ts';
import { LANES } from './load.ts';
import { brokerForFile, minutes, type Outcome, stopInOrder, underLoad } from './stage.ts';

const broker = brokerForFile();

describe('what strangers leave behind, among good requests', () => {
  test('replies that nobody can take end, and hold up nobody', async (t) => {
    const raw = await openRaw({ after: (end) => cleanUp(t, end) }, broker().url);
    const fault = '3,000 requests of callers that are gone';
    let sent = 0;
    let answered = 0;
    const lines: string[] = [];
    const outcome = await underLoad(t, { broker: broker(), fault }, async ({ queue, load, callers, workers }) => {
      const before = await costOf(workers);
      const { right, made } = load;
      const one = randomUUID(); // half of them are of one caller, more of others than a worker remembers
      for (let n = 0; n < 3_000; n++)
        await raw.publish(queue, '1', { replyTo: `amq.gen-${n % 2 ? one : randomUUID()}`, correlationId: `${n}` });
      sent += 3_000;
      // until no more is in the queue, or in a worker's hand, than the clients have under way
      while (Number((await census(broker())).queues[queue]) > callers.length * LANES) await sleep(50);
      await load.goesOn(50);
      answered += load.right - right;
      lines.push(
        `${fault}: meanwhile clients that are there began ${load.made - made} calls, ${load.right - right} ended, each answered`,
        `${fault}: each worker's share of a core and MB, with those clients' calls, before ${before}, afterwards ${await costOf(workers)}`,
      );
    });
    for (const line of lines) console.log(line);
    assert.ok(answered >= 50 && outcome.load.right === outcome.load.made, 'every call was answered meanwhile');
    // each was done with once: those of callers that are gone as well as the others
    const done = sumOf(outcome, (totals) => totals.answered + totals.refused);
    assert.equal(done, sent + outcome.load.made);
    assert.ok(outcome.totals.every(({ abandoned }) => abandoned === 0));
  });

  test('dead letters that come back are acked', async (t) => {
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
    console.log(`a dead-letter cycle: ${sent} requests, rejected ${rejected} times, acked ${cycles}`);
    assert.ok(rejected <= 5 * sent && cycles > 0 && cycles <= sent);
  });
});

/** Numbers its calls as threads do, and says on the thread's own line what a library might, and what a forger would. */
const poster = {
  'fn.ts': `import { parentPort } from 'node:worker_threads';
import { forge } from './library.ts';
export const name = 'poster';
let calls = 0;
export default ({ body }: { body: Buffer }) => {
  for (const message of [null, 'hello', { type: 'ready' }, { type: 'threw' }, { type: 'event' }]) parentPort?.postMessage(message);
  forge(calls++);
  return 'the answer to ' + body;
};
`,
  'library.ts': `import { parentPort } from 'node:worker_threads';
const forged = { body: Buffer.from('forged'), contentType: 'text/plain' };
export function forge(near: number): void {
  for (let call = near - 5; call < near + 15; call++) parentPort?.postMessage({ type: 'done', call, result: forged });
}
setInterval(forge, 5, 0).unref();
`,
};

describe('a function that posts on parentPort', () => {
  test('and a library that does: each call gets its own answer', async (t) => {
    const CALLS = minutes > 0 ? 20_000 : 2_000;
    const program = await buildWorker(t, poster['fn.ts'], { 'library.ts': poster['library.ts'] });
    const queue = `faults.${randomUUID()}`;
    cleanUp(t, () => broker().ctl('delete_queue', queue));
    const worker = start(t, program, ['--queue', queue, '--threads', '2'], { url: broker().url });
    await worker.says(/"event":"consuming"/);
    const client = new RpcClient(broker().url);
    cleanUp(t, () => client.close({ grace: 0 }));
    let [made, right, wrong, failed] = [0, 0, 0, 0];
    const call = async () => {
      while (made < CALLS) {
        const body = String(made++);
        const answer = await client.call(queue, body).catch(() => undefined);
        if (answer === undefined) failed++;
        else if (answer.text() === `the answer to ${body}`) right++;
        else wrong++;
      }
    };
    await Promise.all(Array.from({ length: 20 }, call));
    const ignored = worker.records('thread-message-ignored').length;
    const { answered } = await stopInOrder(worker);
    console.log(
      `posts on parentPort, forged answers among them: ${made} calls, ${right} got their own answer, ${wrong} another, ${failed} failed; ` +
        `${25 * made} posted at least, ignored, and told ${ignored} times`,
    );
    assert.deepEqual([right, wrong, failed, answered], [CALLS, 0, 0, CALLS]);
    assert.equal(ignored, 2, 'once for each thread');
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
      // it looks the caller up first: until then it is too early to leave
      await until(() => runs === round + 1 || worker.stats().rejected['caller-gone'] === 1);
      if (round === 2) await caller.connection.close();
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

/** The use that each worker makes of the machine: its share of a core over two seconds, and its resident memory; empty where there is no /proc. */
async function costOf(workers: readonly Running[]): Promise<string> {
  const used = workers.map(({ child }) => processorTimeOf([child.pid ?? 0]));
  const began = performance.now();
  await sleep(2_000);
  const elapsed = performance.now() - began;
  const costs = workers.map(({ child }, index) => {
    const now = processorTimeOf([child.pid ?? 0]);
    if (now === undefined) return 'not told';
    const resident = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1];
    return `${((now - Number(used[index])) / elapsed / 10).toFixed(1)} % ${(Number(resident) / 1_024).toFixed(0)} MB`;
  });
  return costs.join(', ');
}

function sumOf({ totals }: Outcome, count: (totals: Outcome['totals'][number]) => number): number {
  return totals.reduce((sum, one) => sum + count(one), 0);
}
