// Brokers that say nothing, and users who may have little.
import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { RpcClient } from '../../src/client/client.ts';
import { type ReplyDesign, replyDesigns } from '../../src/client/designs/index.ts';
import { openGate } from '../../test-helpers/gate.ts';
import { cleanUp, start, startWorker } from '../../test-helpers/programs.ts';
import { fib } from './load.ts';
import { brokerForFile, minutes, stopInOrder, underLoad } from './stage.ts';

const broker = brokerForFile();

describe('of several URLs', () => {
  test('the first may say nothing: not one call fails, and workers start', async (t) => {
    const silent = await openGate(t, broker().url);
    silent.hold(); // it takes connections, as a hung broker does, and nothing comes of them
    const urls = [silent.url, broker().url];
    const fault = 'the first of two URLs is silent';
    const options = { broker: broker(), fault, timeout: 5_000, clientUrl: urls, workerUrl: urls.join() };
    let workers = 3;
    let clients = 0;
    await underLoad(t, options, async ({ queue, startWorker: startOne, load }) => {
      const worker = await startOne();
      workers++;
      // with the program's own time limit, which is no longer than the silent one takes to be given up
      const client = start(t, 'client.js', ['--queue', queue, '-q', '30'], { url: urls.join(), input: '' });
      const { code, stdout, stderr } = await client.end();
      assert.deepEqual([code, stdout], [0, `${fib(30)}\n`], stderr);
      clients++;
      await load.goesOn(50);
      await stopInOrder(worker);
    });
    console.log(`${fault}: ${workers} workers started, ${clients} client.js answered, 0 failed`);
    assert.ok(silent.connections > 0, 'it was tried');
  });
});

describe('a user who may have one channel', () => {
  const CALLS = minutes > 0 ? 2_000 : 200;
  const AT_ONCE = 8;
  let users = 0;

  /** The URL of a new user: RabbitMQ counts the channels of all his connections. */
  async function userWithOneChannel(): Promise<string> {
    const name = `limited${++users}`;
    await broker().ctl('add_user', name, 'secret');
    await broker().ctl('set_permissions', name, '.*', '.*', '.*');
    await broker().ctl('set_user_limits', name, '{"max-channels": 1}');
    return Object.assign(new URL(broker().url), { username: name, password: 'secret' }).href;
  }

  for (const reply of Object.keys(replyDesigns) as ReplyDesign[]) {
    // With a queue for each call a client opens further channels while calls are in flight. RabbitMQ counts late: it may let the first
    // eight through, and then refuse the ninth, with the connection and the calls in flight. From then on the client has one.
    const mayLose = reply === 'per-request' ? AT_ONCE - 1 : 0;
    const loses = mayLose > 0 ? `at most ${mayLose} calls` : 'no call';
    test(`loses ${loses} with ${reply} replies, even while others look at the queue, and none to his worker`, async (t) => {
      const queue = `faults.${randomUUID()}`;
      cleanUp(t, () => broker().ctl('delete_queue', queue));
      // The queue is not there yet: the worker declares it, with that one channel. RabbitMQ may not have counted the channel that
      // it closed because the queue was missing, and then closes the connection; the next one declares the queue first.
      const worker = await startWorker(t, ['--queue', queue], { url: await userWithOneChannel() });
      const atStart = worker.records('disconnected').length;
      const client = new RpcClient({ urls: await userWithOneChannel(), reply });
      cleanUp(t, () => client.close({ grace: 0 }));
      const ended = { right: 0, 'UNAVAILABLE/CONNECTION_LOST': 0 };
      const looks: Record<string, number> = {};
      const count = (of: Record<string, number>, how: string) => {
        of[how] = (of[how] ?? 0) + 1;
      };
      let made = 0;
      let calling = true;
      const call = async () => {
        while (made < CALLS) {
          const n = made++ % 100;
          const answer = client.call(queue, String(n)).then((answered) => answered.text());
          await answer.then(
            (text) => count(ended, text === String(fib(n)) ? 'right' : 'wrong'),
            ({ code, reason }) => count(ended, `${code}/${reason}`),
          );
        }
      };
      const look = async () => {
        while (calling) {
          await client.inspectQueue(queue).then(
            () => count(looks, 'answered'),
            ({ code, reason }) => count(looks, `${code}/${reason}`),
          );
          await sleep(5);
        }
      };
      const looking = look();
      await Promise.all(Array.from({ length: AT_ONCE }, call));
      calling = false;
      await looking;
      await client.close();
      const lostByWorker = worker.records('disconnected').length - atStart;
      const { requests, answered } = await stopInOrder(worker);
      console.log(
        `one channel, ${reply} replies: ${made} calls, ${JSON.stringify(ended)}, looks at the queue ${JSON.stringify(looks)}; ` +
          `the worker had ${requests} requests, answered ${answered}, lost its connection ${atStart} times while it started, ${lostByWorker} times afterwards`,
      );
      assert.ok(atStart <= 1, 'it starts with the second connection at the latest');
      const { right, 'UNAVAILABLE/CONNECTION_LOST': lost, ...others } = ended;
      assert.deepEqual([right + lost, others, lostByWorker], [CALLS, {}, 0]);
      assert.ok(lost <= mayLose, 'calls that were lost');
      assert.ok(right <= requests && requests <= CALLS && answered === requests, 'what the worker had');
    });
  }
});
