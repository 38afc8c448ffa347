import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openGate } from '../../test-helpers/gate.ts';
import { type Running, start } from '../../test-helpers/programs.ts';
import { census } from './census.ts';
import { fib } from './load.ts';
import { brokerForFile, underLoad } from './stage.ts';

/** A line of `client.js --json`. */
interface Answer {
  readonly n: string;
  readonly result?: string;
  readonly error?: { readonly code: string };
}

const broker = brokerForFile();

describe('a client process', () => {
  test('that is killed leaves requests that expire, and workers that go on', async (t) => {
    const pending = 100;
    const expiration = 2_000;
    let kills = 0;
    const { totals, load } = await underLoad(t, { broker: broker(), fault: 'client killed' }, async (stage) => {
      for (const { child } of stage.workers) child.kill('SIGSTOP'); // so that all of its requests are pending
      const numbers = Array<string>(pending).fill('30');
      const args = ['--queue', stage.queue, '--timeout', `${expiration}ms`, ...numbers];
      const client = start(t, 'client.js', args, { url: broker().url, input: '' });
      while (Number((await census(broker())).queues[stage.queue]) < pending);
      await client.stop('SIGKILL');
      kills++;
      await sleep(expiration);
      for (const { child } of stage.workers) child.kill('SIGCONT');
    });
    const given = totals.reduce((sum, { requests }) => sum + requests, 0);
    const workers = 3; // each may have got one of them before it was stopped
    assert.ok(given <= load.made + workers * kills, `${given} requests came to workers, for ${load.made} calls`);
  });

  test('that was frozen for longer than heartbeats: its first call works or fails at once', async (t) => {
    await underLoad(t, { broker: broker(), fault: 'client frozen' }, async ({ queue }) => {
      await freeze(t, `${broker().url}?heartbeat=1`, queue, async () => {
        while (await hasHeartbeat(1)); // until the broker gives them up
      });
    });
  });

  test('that was frozen, and whose connection is gone without a sign: the same', async (t) => {
    const gate = await openGate(t, broker().url);
    await underLoad(t, { broker: broker(), fault: 'client frozen, connection half-open' }, async ({ queue }) => {
      await freeze(t, `${gate.url}?heartbeat=2`, queue, async () => {
        gate.blackhole();
        await sleep(7_000); // three heartbeats and more: by then a broker has given it up
      });
      gate.cut();
    });
  });
});

/** Freezes a client that retries and one that does not, does something meanwhile, and lets them go on with a call. */
async function freeze(t: TestContext, url: string, queue: string, meanwhile: () => Promise<void>): Promise<void> {
  const [retrying, other] = [startClient(t, url, queue), startClient(t, url, queue, '--no-retry')];
  const clients = [retrying, other];
  for (const client of clients) assert.equal((await ask(client, 20)).result, String(fib(20)));
  assert.ok(await hasHeartbeat(Number(new URL(url).searchParams.get('heartbeat'))), 'the broker knows them');
  for (const { child } of clients) child.kill('SIGSTOP');
  await meanwhile();
  for (const { child } of clients) child.kill('SIGCONT');
  assert.equal((await ask(retrying, 21)).result, String(fib(21)));
  const first = await ask(other, 21);
  // at once: not for its time limit
  if (first.result === undefined) assert.equal(first.error?.code, 'UNAVAILABLE', JSON.stringify(first));
  else assert.equal(first.result, String(fib(21)));
  for (const client of clients) {
    assert.equal((await ask(client, 22)).result, String(fib(22)));
    client.child.stdin.end();
    await client.end();
  }
}

/** A client that answers what it reads. Its time limit is shorter than two of the heartbeats above. */
function startClient(t: TestContext, url: string, queue: string, ...args: string[]): Running {
  return start(t, 'client.js', ['--queue', queue, '--json', '--timeout', '3s', ...args, '-'], { url });
}

async function ask(client: Running, n: number): Promise<Answer> {
  const before = client.stdout.split('\n').length;
  client.child.stdin.write(`${n}\n`);
  await client.prints(/\n/, before);
  return JSON.parse(client.stdout.split('\n')[before - 1] ?? '') as Answer;
}

/** Whether the broker has a connection with this heartbeat, in seconds. */
async function hasHeartbeat(seconds: number): Promise<boolean> {
  const timeouts = await broker().ctl('--silent', '--no-table-headers', 'list_connections', 'timeout');
  return timeouts.split('\n').includes(String(seconds));
}
