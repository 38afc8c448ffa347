import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { PrivateBroker } from '../../src/rabbitmq/broker.ts';
import { administeredBroker } from '../../test-helpers/broker.ts';
import { clearMemoryAlarm, setMemoryAlarm } from '../../test-helpers/memory-alarm.ts';
import { startTestBroker, userWithChannels } from '../../test-helpers/own-broker.ts';
import { until } from '../../test-helpers/processes.ts';
import { cleanUp, type Running, runClient, start, startWorker, uniqueQueue } from '../../test-helpers/programs.ts';
import { openRaw } from '../../test-helpers/rpc.ts';

/** A node of this file's own, which its tests harm. It starts while others run on the one that all files share. */
const starting = startTestBroker();
starting.catch(() => {}); // its tests will tell
after(async () => (await starting)[Symbol.asyncDispose]());

/** A worker that has taken a request and is stopped in the midst of it, and the client that waits for its answer. */
async function requestInHand(
  t: TestContext,
  url: string,
  args: readonly string[],
): Promise<{ worker: Running; client: Running }> {
  const queue = uniqueQueue(t, url);
  const worker = await startWorker(t, ['--queue', queue, '--algorithm', 'recursive', '--log', 'text'], { url });
  const client = start(t, 'client.js', ['--queue', queue, '--timeout', '600s', ...args, '35'], { url, input: '' });
  await worker.says(/fib\(35\)/);
  worker.child.kill('SIGSTOP');
  return { worker, client };
}

describe('when the connection to the broker is lost', { concurrency: 5 }, () => {
  let broker: Awaited<ReturnType<typeof administeredBroker>>;
  before(async () => {
    broker = await administeredBroker();
  });
  after(() => broker[Symbol.asyncDispose]());

  /** The URL of a user of this test's own, whose connections can be closed. */
  const userOfOwn = () => userWithChannels(broker, 100);

  /** Does what `rabbitmqctl close_all_connections` does, to one user's. */
  function closeConnections(url: string, reason: string): Promise<string> {
    const pids = `[Pid || [{pid, Pid}, {user, <<"${new URL(url).username}">>}] <- rabbit_networking:connection_info_all([pid, user])]`;
    return broker.ctl('eval', `rabbit_networking:close_connections(${pids}, <<${[...Buffer.from(reason)]}>>).`);
  }

  it('because the broker closed it, the worker says so, connects again and answers', async (t) => {
    const url = await userOfOwn();
    const queue = uniqueQueue(t, url);
    const worker = await startWorker(t, ['--queue', queue, '--log', 'text'], { url });
    await closeConnections(url, 'spring cleaning');
    await worker.says(/Awaiting RPC requests/, 2);
    assert.match(worker.stderr, /^ \[!\] the connection to RabbitMQ was lost.*spring cleaning/m);
    assert.equal((await runClient(t, ['--queue', queue, '-q', '23'], { url })).stdout, '28657\n');
    assert.equal((await worker.stop()).code, 0);
  });

  it('with a request in a worker’s hand, the client asks again and gets its answer', async (t) => {
    const url = await userOfOwn();
    const { worker, client } = await requestInHand(t, url, ['--verbose']);
    await closeConnections(url, 'spring cleaning');
    await client.says(/^ \[-\] retry: /m);
    worker.child.kill('SIGCONT');
    const { code, stdout } = await client.end();
    assert.deepEqual([code, stdout], [0, ' [.] Got 9227465\n']);
    await worker.says(/Request rejected: caller-gone/); // what it had in hand came again, and nobody waits for it
    assert.equal((await worker.stop()).code, 0);
  });

  it('because of reasons that could meddle with the terminal, worker and client show them escaped', async (t) => {
    const url = await userOfOwn();
    const { worker, client } = await requestInHand(t, url, ['--verbose']);
    await closeConnections(url, '\x1b[31mred\r\n [.] Got 7\u009b\u202e');
    await client.says(/red/);
    worker.child.kill('SIGCONT');
    await worker.says(/red/);
    for (const { stderr } of [worker, client]) {
      assert.match(stderr, /\\u001b\[31mred\\r\\n \[\.\] Got 7\\u009b\\u202e/);
      assert.doesNotMatch(stderr, /[^\P{Cc}\n]|\p{Bidi_Control}/u);
    }
  });

  it('with a request in a worker’s hand, the client exits 6 with --no-retry', async (t) => {
    const url = await userOfOwn();
    const { client } = await requestInHand(t, url, ['--no-retry']);
    await closeConnections(url, 'spring cleaning');
    const { code, stdout, stderr } = await client.end();
    assert.deepEqual([code, stdout], [6, '']);
    assert.match(stderr, /^ \[!\] fib\(35\): UNAVAILABLE: the connection to RabbitMQ was lost[^\n]*$/m);
    assert.doesNotMatch(stderr, /^ +at /m);
  });

  it('because the queue was deleted, the worker says so and declares it anew', async (t) => {
    const queue = uniqueQueue(t);
    const worker = await startWorker(t, ['--queue', queue, '--log', 'text']);
    const { channel } = await openRaw({ after: (end) => cleanUp(t, end) });
    await channel.queueDelete(queue);
    await worker.says(/Awaiting RPC requests/, 2);
    assert.match(worker.stderr, new RegExp(`^ \\[!\\] the queue '${queue}' was deleted`, 'm'));
    assert.equal((await runClient(t, ['--queue', queue, '-q', '25'])).stdout, '75025\n');
  });
});

// One node for all of them, and each harms it: so one after the other.
describe('when the broker itself is lost', () => {
  /** Starts the broker while the worker is stopped: else it would wait longer and longer, and try again long after. */
  async function startMeanwhile(broker: PrivateBroker, worker: Running): Promise<void> {
    worker.child.kill('SIGSTOP');
    try {
      await broker.start();
    } finally {
      worker.child.kill('SIGCONT');
    }
  }

  it('because the broker was killed, worker and client wait until it is back, and the client gets its answer', async (t) => {
    const broker = await starting;
    const { worker, client } = await requestInHand(t, broker.url, ['--verbose']);
    await broker.kill();
    await client.says(/^ \[-\] retry: /m);
    worker.child.kill('SIGCONT');
    await worker.says(/no RabbitMQ answers at .*; next attempt in/);
    await startMeanwhile(broker, worker);
    const { code, stdout, stderr } = await client.end();
    assert.deepEqual([code, stdout], [0, ' [.] Got 9227465\n'], stderr);
    assert.match(worker.stderr, /^ \[x\] Connected to [\s\S]* \[x\] Connected to /m);
  });

  it('because the broker restarts, the worker finds it and its queue again', async (t) => {
    const broker = await starting;
    const { url } = broker;
    const queue = uniqueQueue(t, url);
    const worker = await startWorker(t, ['--queue', queue], { url });
    await broker.stop();
    await worker.says(/"event":"retrying"/, 2);
    await broker.start(); // while the worker tries: it may meet a node that has only begun to start
    await worker.says(/"event":"consuming"/, 2);
    assert.deepEqual(
      worker.records('queue').map(({ how }) => how),
      ['declared', 'found'],
    );
    assert.equal((await runClient(t, ['--queue', queue, '-q', '24'], { url })).stdout, '46368\n');
  });
});

describe('when the broker is short of memory, and takes no messages', () => {
  it('a worker that stops leaves what it could not answer in the queue, and another answers it', async (t) => {
    const broker = await starting;
    const { url } = broker;
    const queue = uniqueQueue(t, url);
    const ask = (n: string) =>
      start(t, 'client.js', ['--queue', queue, '-q', '--timeout', '600s', n], { url, input: '' });
    const raw = await openRaw({ after: (end) => cleanUp(t, end) }, url);
    await raw.channel.queueDeclare({ queue, durable: true });
    await raw.channel.basicQos({ prefetchCount: 1 });
    const delivered = new Promise<void>((resolve) => void raw.channel.basicConsume({ queue }, () => resolve()));
    const first = ask('26');
    await delivered; // to the test's own consumer, which gives it back in time
    const worker = await startWorker(t, ['--queue', queue, '--grace', '300ms', '--prefetch', '2'], { url });
    worker.child.kill('SIGSTOP');
    const second = ask('27');
    await inHand(queue, 2);
    await setMemoryAlarm(broker);
    worker.child.kill('SIGCONT');
    await worker.says(/"event":"blocked"/); // by its reply to the second
    await raw.connection.close();
    await inHand(queue, 2); // both are the worker's now

    assert.equal((await worker.stop()).code, 0);
    assert.equal(worker.records('draining')[0]?.inFlight, 1);
    assert.equal(worker.records('stopped')[0]?.unfinished, 1);
    assert.deepEqual([first.stdout, second.stdout], ['', '']);

    await clearMemoryAlarm(broker);
    await startWorker(t, ['--queue', queue], { url });
    assert.deepEqual([(await first.end()).stdout, (await second.end()).stdout], ['121393\n', '196418\n']);
  });

  it('a worker tells at its HTTP port that it is not ready', async (t) => {
    const broker = await starting;
    const { url } = broker;
    const queue = uniqueQueue(t, url);
    const worker = await startWorker(t, ['--queue', queue, '--http-port', '0', '--http-host', '127.0.0.1'], { url });
    const raw = await openRaw({ after: (end) => cleanUp(t, end) }, url);
    const replies = await raw.channel.queueDeclare({ queue: '', exclusive: true });
    // RabbitMQ tells a connection that publishes: so one reply has to be on its way
    worker.child.kill('SIGSTOP');
    await raw.publish(queue, '5', { replyTo: replies.queue });
    await raw.channel.queueDeclare({ queue, passive: true }); // answered when the request is there
    await setMemoryAlarm(broker);
    worker.child.kill('SIGCONT');
    const readiness = async () => {
      const response = await fetch(`http://127.0.0.1:${worker.records('http')[0]?.port}/readyz`);
      return `${response.status} ${await response.text()}`;
    };
    const blocked = '503 not ready: RabbitMQ blocks publishers, so no reply can go out\n';
    await until('the worker is not ready', async () => (await readiness()) === blocked);
    await clearMemoryAlarm(broker);
    await until('the worker is ready', async () => (await readiness()) === '200 ready\n');
    assert.equal((await worker.stop()).code, 0);
  });

  /** Waits until consumers of the queue have that many requests that they did not acknowledge. */
  async function inHand(queue: string, count: number): Promise<void> {
    const broker = await starting;
    const list = () => broker.ctl('--silent', 'list_queues', 'name', 'messages_ready', 'messages_unacknowledged');
    while (!(await list()).includes(`${queue}\t0\t${count}\n`));
  }
});

describe('when the broker is gone for good', () => {
  it('a worker that has lost it exits 0 on SIGTERM', async (t) => {
    const broker = await starting;
    const { url } = broker;
    const worker = await startWorker(t, ['--queue', uniqueQueue(t, url)], { url });
    await broker.kill();
    await worker.says(/"event":"retrying"/);
    assert.equal((await worker.stop()).code, 0);
  });
});
