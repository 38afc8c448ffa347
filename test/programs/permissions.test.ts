import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { Channel } from 'rabbitmq-client';
import type { PrivateBroker } from '../../src/broker/broker.ts';
import { startTestBroker } from '../helpers/broker.ts';
import { until } from '../helpers/processes.ts';
import { cleanUp, runClient, start, startWorker, uniqueQueue, urlWith } from '../helpers/programs.ts';
import { RawPublisher } from '../helpers/raw-publisher.ts';
import { openRaw } from '../helpers/rpc.ts';

/** RabbitMQ's permissions, as `rabbitmqctl set_permissions` takes them; no topic permissions are set. */
interface Permissions {
  readonly configure: string;
  readonly write: string;
  readonly read: string;
}

const NOTHING = '^$';
/** What the default exchange is called where permissions are checked. */
const PUBLISH = '^amq\\.default$';
const CALLBACK_QUEUES = '^amq\\.gen-';

/** The README's table. A right left out of any of them makes its program fail, as the tests show. */
const needed = {
  worker: (queue) => ({ configure: NOTHING, write: PUBLISH, read: only(queue) }),
  'worker that declares its queue': (queue) => ({ configure: only(queue), write: PUBLISH, read: only(queue) }),
  direct: () => ({ configure: NOTHING, write: PUBLISH, read: NOTHING }),
  exclusive: () => ({ configure: CALLBACK_QUEUES, write: PUBLISH, read: CALLBACK_QUEUES }),
  'per-request': () => ({ configure: CALLBACK_QUEUES, write: PUBLISH, read: CALLBACK_QUEUES }),
} satisfies Record<string, (queue: string) => Permissions>;

const designs = ['direct', 'exclusive', 'per-request'] as const;

let broker: PrivateBroker | undefined;
let users = 0;

/** The URL of the node's administrator. */
function admin(): string {
  if (!broker) throw new Error('the broker did not start');
  return broker.url;
}

/** Makes a user with these permissions and nothing else, and gives its URL. */
async function userWith({ configure, write, read }: Permissions): Promise<string> {
  const name = `user${++users}`;
  await broker?.ctl('add_user', name, 'secret');
  await broker?.ctl('set_permissions', name, configure, write, read);
  return urlWith({ username: name, password: 'secret' }, admin());
}

function only(queue: string): string {
  return `^${queue.replaceAll('.', '\\.')}$`;
}

async function declaredQueue(t: TestContext): Promise<string> {
  const queue = uniqueQueue(t, admin());
  const { channel } = await openRaw({ after: (end) => cleanUp(t, end) }, admin());
  await channel.queueDeclare({ queue, durable: true });
  return queue;
}

describe('with the least RabbitMQ permissions', { concurrency: 2 }, () => {
  before(async () => {
    broker = await startTestBroker();
  });
  after(() => broker?.[Symbol.asyncDispose]());

  for (const reply of designs) {
    it(`a client calls a worker (--reply ${reply})`, async (t) => {
      const queue = await declaredQueue(t);
      await startWorker(t, ['--queue', queue], { url: await userWith(needed.worker(queue)) });
      const url = await userWith(needed[reply]());
      const { code, stdout, stderr } = await runClient(t, ['--queue', queue, '--reply', reply, '-q', '10', '20'], {
        url,
      });
      assert.deepEqual([code, stdout, stderr], [0, '55\n6765\n', '']);
    });

    for (const right of ['configure', 'write', 'read'] as const) {
      const all = needed[reply]();
      if (all[right] === NOTHING) continue;
      it(`a client does not without ${right}, and says so (--reply ${reply})`, async (t) => {
        const queue = await declaredQueue(t);
        await startWorker(t, ['--queue', queue], { url: admin() });
        const url = await userWith({ ...all, [right]: NOTHING });
        const { code, stdout, stderr } = await runClient(t, ['--queue', queue, '--reply', reply, '-q', '10'], { url });
        assert.deepEqual([code, stdout], [6, ''], stderr);
        const name = right === 'write' ? 'amq\\.default' : "amq\\.gen-[^']+";
        const line = `PERMISSION_DENIED: .*: the user needs the ${right} permission for '${name}'`;
        assert.match(stderr, new RegExp(`^ \\[!\\] fib\\(10\\): ${line} \\(rabbitmqctl set_permissions\\)\\n$`));
      });
    }
  }

  it('a worker declares its queue where there is none', async (t) => {
    const queue = uniqueQueue(t, admin());
    const url = await userWith(needed['worker that declares its queue'](queue));
    const worker = await startWorker(t, ['--queue', queue], { url });
    assert.equal(worker.records('queue')[0]?.how, 'declared');
    assert.equal((await runClient(t, ['--queue', queue, '-q', '10'], { url: admin() })).stdout, '55\n');
  });

  it('a worker that may not declare its queue waits until somebody else has, and says why', async (t) => {
    const queue = uniqueQueue(t, admin());
    const url = await userWith(needed.worker(queue));
    const worker = start(t, 'worker.js', ['--queue', queue, '--log', 'text'], { url });
    // 3.10 finds that there is none; 4.3 says so, too, to a user who may read it
    await worker.says(
      new RegExp(`there is no queue '${queue}', and to declare it the user needs the configure permission for it`),
    );
    const { channel } = await openRaw({ after: (end) => cleanUp(t, end) }, admin());
    await channel.queueDeclare({ queue, durable: true });
    await worker.says(/Awaiting RPC requests/);
  });

  it('a worker without read consumes nothing, keeps trying, and says so', async (t) => {
    const queue = await declaredQueue(t);
    const url = await userWith({ ...needed.worker(queue), read: NOTHING });
    const worker = start(t, 'worker.js', ['--queue', queue, '--log', 'text'], { url });
    await worker.says(/next attempt/, 2);
    assert.match(
      worker.stderr,
      new RegExp(
        `needs the read permission for '${queue}'|has no permission at all for '${queue}'; a worker needs read`,
      ),
    );
    assert.equal((await worker.stop()).code, 0);
  });

  it('a worker without write answers nothing, and says so', async (t) => {
    const queue = await declaredQueue(t);
    const url = await userWith({ ...needed.worker(queue), write: NOTHING });
    const worker = await startWorker(t, ['--queue', queue, '--log', 'text'], { url });
    const client = await runClient(t, ['--queue', queue, '-q', '-t', '1s', '10'], { url: admin() });
    assert.equal(client.code, 4, client.stderr);
    await worker.says(/needs the write permission for 'amq\.default'.*connecting again/);
    assert.equal((await worker.stop()).code, 0);
  });

  it('a worker looks after the callers of redelivered requests, which takes no further right', async (t) => {
    const queue = await declaredQueue(t);
    const holder = await openRaw({ after: (end) => cleanUp(t, end) }, admin());
    const held: string[] = [];
    await holder.channel.basicConsume({ queue }, ({ body }) => {
      held.push(String(body));
    });
    const url = await userWith(needed.direct());
    const staying = start(t, 'client.js', ['--queue', queue, '-q', '-t', '30s', '10'], { url, input: '' });
    const leaving = start(t, 'client.js', ['--queue', queue, '-q', '-t', '30s', '11'], { url, input: '' });
    await until('both requests are held', () => held.length === 2);
    await leaving.stop('SIGKILL');
    await holder.connection.close();
    const worker = await startWorker(t, ['--queue', queue], { url: await userWith(needed.worker(queue)) });
    assert.equal((await staying.end()).stdout, '55\n');
    await worker.says(/"event":"dropped"/);
    await worker.stop();
    const [stopped] = worker.records('stopped');
    assert.deepEqual(
      [stopped?.received, stopped?.redelivered, stopped?.answered, stopped?.dropped, worker.records('probe-failed')],
      [2, 2, 1, { 'missing-reply-to': 0, 'malformed-reply-to': 0, 'refused-reply-to': 0, 'caller-gone': 1 }, []],
    );
  });

  it('a client can neither read the requests of others, nor declare, bind or delete anything', async (t) => {
    const queue = await declaredQueue(t);
    const url = await userWith(needed.direct());
    const attempts: Record<string, (channel: Channel) => Promise<unknown>> = {
      consume: (channel) => channel.basicConsume({ queue }, () => {}),
      get: (channel) => channel.basicGet({ queue }),
      declare: (channel) => channel.queueDeclare({ queue: 'another', durable: true }),
      bind: (channel) => channel.queueBind({ queue, exchange: 'amq.fanout' }),
      purge: (channel) => channel.queuePurge({ queue }),
      delete: (channel) => channel.queueDelete({ queue }),
    };
    for (const [what, attempt] of Object.entries(attempts)) {
      const { channel } = await openRaw({ after: (end) => cleanUp(t, end) }, url);
      await assert.rejects(attempt(channel), { code: 'ACCESS_REFUSED' }, what);
    }
  });

  describe('a user who may do nothing but send requests', () => {
    /** What the worker answers with fib(10). */
    const ANSWER = '55';

    /** Two queues, and an exchange that leads to the first: the only thing that the returned user may write to. */
    async function scene(t: TestContext) {
      const [queue, orders] = [await declaredQueue(t), await declaredQueue(t)];
      const scope = { after: (end: () => unknown) => cleanUp(t, end) };
      const { channel, ...raw } = await openRaw(scope, admin());
      const exchange = `requests.${queue}`;
      await channel.exchangeDeclare({ exchange, type: 'fanout' });
      await channel.queueBind({ queue, exchange });
      const url = await userWith({ configure: NOTHING, write: only(exchange), read: NOTHING });
      const sender = await openRaw(scope, url);
      const request = (replyTo: string) => sender.channel.basicPublish({ exchange, replyTo }, Buffer.from('10'));
      return { queue, orders, channel, raw, url, request };
    }
    const messagesIn = async (channel: Channel, queue: string) =>
      (await channel.queueDeclare({ queue, passive: true })).messageCount;

    it('cannot write to another queue itself', async (t) => {
      const { orders, url } = await scene(t);
      const publisher = new RawPublisher(url);
      cleanUp(t, () => publisher.close());
      const refusal = await publisher.publish(orders, { body: Buffer.from(ANSWER), properties: {} });
      assert.match(refusal ?? 'not refused', /^ACCESS_REFUSED/);
    });

    it('makes a server that replies to any address write there for it, and even to its own queue', async (t) => {
      const { queue, orders, channel, raw, request } = await scene(t);
      const requests: string[] = [];
      // as the tutorial's server does
      await channel.basicConsume({ queue }, async ({ body, replyTo, deliveryTag }) => {
        requests.push(String(body));
        if (replyTo) await channel.basicPublish({ routingKey: replyTo }, Buffer.from(ANSWER));
        channel.basicAck({ deliveryTag });
      });
      await request(orders);
      assert.equal(String((await (await raw.consume(orders)).next()).body), ANSWER);
      await request(queue);
      await until('its reply is its next request', () => requests.at(-1) === ANSWER);
    });

    it('cannot make the worker do so', async (t) => {
      const { queue, orders, channel, request } = await scene(t);
      const worker = await startWorker(t, ['--queue', queue], { url: await userWith(needed.worker(queue)) });
      await request(orders);
      await request(queue);
      await worker.says(/"event":"dropped"/, 2);
      const dropped = worker.records('dropped').map(({ reason, replyTo }) => [reason, replyTo]);
      assert.deepEqual(dropped, [
        ['refused-reply-to', orders],
        ['refused-reply-to', queue],
      ]);
      assert.deepEqual([await messagesIn(channel, orders), await messagesIn(channel, queue)], [0, 0]);
    });

    it('makes it write to any queue with --allow-reply-to *, but never to the request queue', async (t) => {
      const { queue, orders, channel, raw, request } = await scene(t);
      const args = ['--queue', queue, '--allow-reply-to', '*'];
      const worker = await startWorker(t, args, { url: await userWith(needed.worker(queue)) });
      await request(orders);
      assert.equal(String((await (await raw.consume(orders)).next()).body), ANSWER);
      await request(queue);
      await worker.says(/"event":"dropped","reason":"refused-reply-to"/);
      assert.equal(await messagesIn(channel, queue), 0);
      await worker.stop();
      const [stopped] = worker.records('stopped');
      assert.deepEqual([stopped?.received, stopped?.answered], [2, 1]);
    });
  });

  it('a client can say that nobody consumes if it has any right to the queue, or on 3.10 without', async (t) => {
    const queue = await declaredQueue(t);
    const { configure, read } = needed.direct();
    const url = await userWith({ configure, read, write: `^(amq\\.default|${queue.replaceAll('.', '\\.')})$` });
    const { code, stderr } = await runClient(t, ['--queue', queue, '-t', '3s', '10'], { url });
    assert.equal(code, 4);
    assert.match(stderr, new RegExp(`^ \\[!\\] No worker consumes '${queue}'`, 'm'));
    // without it there is no hint on 4.3, but the outcome is the same
    const without = await runClient(t, ['--queue', queue, '-t', '3s', '10'], { url: await userWith(needed.direct()) });
    assert.equal(without.code, 4, without.stderr);
    assert.match(without.stderr, /no reply from .* within 3 s: does a worker serve it\?/);
  });
});
