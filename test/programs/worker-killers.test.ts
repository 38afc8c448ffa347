import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, type TestContext, test } from 'node:test';
import { buildWorker } from '../../test-helpers/own-function.ts';
import { cleanUp, start } from '../../test-helpers/programs.ts';
import { deleteAfter, openRaw, startClient, testQueue, until } from '../../test-helpers/rpc.ts';

const LIMIT = 600_000;

/** Really ends the process that runs it, as the kernel does when memory runs out, or a native crash; or can't be ended. */
const source = `import { pbkdf2Sync } from 'node:crypto';
export const name = 'killer';
export default ({ body }: { body: Buffer }) => {
  if (String(body) === 'kill') process.kill(process.pid, 'SIGKILL');
  if (String(body) === 'hold') pbkdf2Sync('', '', 2 ** 31 - 1, 64, 'sha512'); // an hour of native code
  return 'survived ' + body;
};
`;

let program = '';
const scope: { end?: () => unknown } = {};

before(async () => {
  program = await buildWorker({ after: (end) => Object.assign(scope, { end }) }, source);
});

after(() => scope.end?.());

/** Keeps a worker running, as an orchestrator does, and counts how many were killed. */
function keepRunning(t: TestContext, args: readonly string[]) {
  const state = { killed: 0 };
  let over = false;
  cleanUp(t, () => {
    over = true;
  });
  const run = async (): Promise<void> => {
    while (!over) {
      const { signal, code, stderr } = await start(t, program, args).end();
      if (over) return;
      assert.equal(signal, 'SIGKILL', `ended with ${code}: ${stderr}`);
      state.killed++;
    }
  };
  void run();
  return state;
}

/** A request queue, and the queue where its dead letters go. */
async function queues(t: TestContext, args: Record<string, unknown>) {
  const dead = `test.dead.${randomUUID()}`;
  const raw = await openRaw(t);
  await raw.channel.queueDeclare({ queue: dead, durable: true, arguments: { 'x-expires': 300_000 } });
  deleteAfter(t, dead);
  const letters = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead };
  const queue = await testQueue(t, { args: { ...letters, ...args } });
  return { queue, dead: await raw.consume(dead), raw };
}

function deathOf({ headers }: { headers?: Readonly<Record<string, unknown>> | null | undefined }) {
  const [death] = (headers?.['x-death'] ?? []) as { reason: string; count: number }[];
  return death?.reason;
}

describe('a request that kills its workers', { concurrency: 1 }, () => {
  test('on a quorum queue: five times, then its caller gets an error and it is a dead letter', async (t) => {
    const { queue, dead } = await queues(t, { 'x-queue-type': 'quorum' });
    const workers = keepRunning(t, ['--queue', queue]);
    const { client } = startClient(t, { queue, timeout: LIMIT });
    await assert.rejects(client.call('kill'), {
      code: 'INTERNAL',
      reason: 'ERROR_REPLY',
      message: 'the request was delivered 5 times and never answered; it is not tried again',
    });
    assert.equal(workers.killed, 5);
    const letter = await dead.next();
    assert.deepEqual([String(letter.body), deathOf(letter)], ['kill', 'rejected']);
    assert.equal(String((await client.call('next')).body), 'survived next');
    assert.equal(workers.killed, 5);
  });

  test('on a quorum queue with a lower delivery limit: the broker ends it, and its caller waits in vain', async (t) => {
    const { queue, dead } = await queues(t, { 'x-queue-type': 'quorum', 'x-delivery-limit': 1 });
    const workers = keepRunning(t, ['--queue', queue]);
    const { client } = startClient(t, { queue, timeout: LIMIT });
    const call = client.call('kill');
    const waits = assert.rejects(call, { code: 'CANCELLED' });
    assert.equal(deathOf(await dead.next()), 'delivery_limit');
    await until(() => workers.killed === 2);
    assert.equal(String((await client.call('next')).body), 'survived next');
    await client.close({ grace: 0 });
    await waits;
  });

  test('on a classic queue, with --max-deliveries 1: once', async (t) => {
    const { queue, dead } = await queues(t, { 'x-queue-type': 'classic' });
    const workers = keepRunning(t, ['--queue', queue, '--max-deliveries', '1']);
    const { client } = startClient(t, { queue, timeout: LIMIT });
    await assert.rejects(client.call('kill'), { code: 'INTERNAL', message: /delivered once and never answered/ });
    assert.equal(workers.killed, 1);
    assert.equal(deathOf(await dead.next()), 'rejected');
    assert.equal(String((await client.call('next')).body), 'survived next');
  });

  test('on a classic queue, which does not count: again and again, until its caller leaves', async (t) => {
    const { queue, dead } = await queues(t, { 'x-queue-type': 'classic' });
    const workers = keepRunning(t, ['--queue', queue]);
    const { client } = startClient(t, { queue, timeout: LIMIT });
    const given = assert.rejects(client.call('kill'), { code: 'CANCELLED' });
    await until(() => workers.killed > 5);
    await client.close({ grace: 0 });
    await given;
    assert.equal(deathOf(await dead.next()), 'rejected');
    const { client: other } = startClient(t, { queue, timeout: LIMIT });
    assert.equal(String((await other.call('next')).body), 'survived next');
  });
});

test('a thread that is held in native code does not hold a worker that is to stop', async (t) => {
  const { queue } = await queues(t, {});
  const worker = start(t, program, ['--queue', queue, '--threads', '1', '--grace', '300ms', '--log-requests']);
  const { client } = startClient(t, { queue, timeout: LIMIT });
  const given = assert.rejects(client.call('hold'), { code: 'CANCELLED' });
  await worker.says(/"event":"request"/);
  const { signal } = await worker.stop();
  assert.equal(signal, 'SIGKILL');
  assert.equal(worker.records('stopped')[0]?.unfinished, 1);
  await client.close({ grace: 0 });
  await given;
});
