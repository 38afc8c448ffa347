import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { Channel } from '../../src/amqp/channel.ts';
import { RpcClient } from '../../src/client/client.ts';
import { RpcWorker } from '../../src/worker/worker.ts';
import { administeredBroker } from '../../test-helpers/broker.ts';
import { addUsers } from '../../test-helpers/own-broker.ts';
import { until } from '../../test-helpers/processes.ts';
import { cleanUp, type Result, runClient, start, startWorker, urlWith } from '../../test-helpers/programs.ts';
import { RawPublisher } from '../../test-helpers/raw-publisher.ts';
import { openRaw } from '../../test-helpers/rpc.ts';

/** RabbitMQ's permissions, as `rabbitmqctl set_permissions` takes them; no topic permissions are set. */
interface Permissions {
  readonly configure: string;
  readonly write: string;
  readonly read: string;
}

const NOTHING = '^$';
/** The default exchange, by its name where permissions are checked. */
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

let broker: Awaited<ReturnType<typeof administeredBroker>> | undefined;
const users: Permissions[] = [];
let queues = 0;

/** The URL of the node's administrator. */
function admin(): string {
  if (!broker) throw new Error('the broker did not start');
  return broker.url;
}

/** A test with a queue name of its own, and users who have these permissions and no others; it gets their URLs. */
function itHas<K extends string>(
  what: string,
  who: (queue: string) => Record<K, Permissions>,
  run: (t: TestContext, queue: string, urls: Record<K, string>) => Promise<void>,
): void {
  const queue = `permissions.${++queues}`;
  const names = Object.entries<Permissions>(who(queue)).map(([role, permissions]) => [role, users.push(permissions)]);
  it(what, (t) => {
    const urls = names.map(([role, n]) => [
      role,
      urlWith({ username: `permissions${n}`, password: 'secret' }, admin()),
    ]);
    return run(t, queue, Object.fromEntries(urls) as Record<K, string>);
  });
}

function only(queue: string): string {
  return `^${queue.replaceAll('.', '\\.')}$`;
}

async function declare(t: TestContext, queue: string): Promise<Channel> {
  const { channel } = await openRaw({ after: (end) => cleanUp(t, end) }, admin());
  await channel.queueDeclare({ queue, durable: true });
  return channel;
}

describe('with the least RabbitMQ permissions', { concurrency: 4 }, () => {
  before(async () => {
    broker = await administeredBroker();
    await addUsers(
      broker,
      users.map((permissions, n) => ({ name: `permissions${n + 1}`, ...permissions })),
    );
  });
  after(() => broker?.[Symbol.asyncDispose]());

  for (const reply of designs) {
    const both = (queue: string) => ({ worker: needed.worker(queue), client: needed[reply]() });
    itHas(`a client calls a worker (--reply ${reply})`, both, async (t, queue, { worker, client: url }) => {
      await declare(t, queue);
      await startWorker(t, ['--queue', queue], { url: worker });
      const args = ['--queue', queue, '--reply', reply, '-q', '10', '20'];
      const { code, stdout, stderr } = await runClient(t, args, { url });
      assert.deepEqual([code, stdout, stderr], [0, '55\n6765\n', '']);
    });

    itHas(`a call that is given up stops its function (--reply ${reply})`, both, async (t, queue, urls) => {
      await declare(t, queue);
      const worker = new RpcWorker(urls.worker).serve(
        queue,
        (_, { signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      );
      cleanUp(t, () => worker.close({ grace: 0 }));
      await worker.start();
      const client = new RpcClient({ urls: urls.client, reply, timeout: 600_000 });
      cleanUp(t, () => client.close({ grace: 0 }));
      const control = new AbortController();
      client.on('started', () => control.abort());
      await assert.rejects(client.call(queue, '', { signal: control.signal }), { name: 'AbortError' });
      await until('it is cancelled', () => worker.stats().cancelled === 1);
    });

    for (const right of ['configure', 'write', 'read'] as const) {
      const all = needed[reply]();
      if (all[right] === NOTHING) continue;
      const who = () => ({ client: { ...all, [right]: NOTHING } });
      itHas(
        `a client does not without ${right}, and says so (--reply ${reply})`,
        who,
        async (t, queue, { client: url }) => {
          await startWorker(t, ['--queue', queue], { url: admin() });
          const { code, stdout, stderr } = await runClient(t, ['--queue', queue, '--reply', reply, '-q', '10'], {
            url,
          });
          assert.deepEqual([code, stdout], [6, ''], stderr);
          const name = right === 'write' ? 'amq\\.default' : "amq\\.gen-[^']+";
          const line = `PERMISSION_DENIED: .*: the user needs the ${right} permission for '${name}'`;
          assert.match(stderr, new RegExp(`^ \\[!\\] fib\\(10\\): ${line} \\(rabbitmqctl set_permissions\\)\\n$`));
        },
      );
    }
  }

  const declaring = (queue: string) => ({ url: needed['worker that declares its queue'](queue) });
  itHas('a worker declares its queue where there is none', declaring, async (t, queue, { url }) => {
    const worker = await startWorker(t, ['--queue', queue], { url });
    assert.equal(worker.records('queue')[0]?.how, 'declared');
    assert.equal((await runClient(t, ['--queue', queue, '-q', '10'], { url: admin() })).stdout, '55\n');
  });

  const least = (queue: string) => ({ url: needed.worker(queue) });
  itHas(
    'a worker that may not declare its queue waits until somebody has, and says why',
    least,
    async (t, queue, { url }) => {
      const worker = start(t, 'worker.js', ['--queue', queue, '--log', 'text'], { url });
      await worker.says(
        new RegExp(`there is no queue '${queue}', and to declare it the user needs the configure permission for it`),
      );
      await declare(t, queue);
      await worker.says(/Awaiting RPC requests/);
    },
  );

  const readless = (queue: string) => ({ url: { ...needed.worker(queue), read: NOTHING } });
  itHas('a worker without read consumes nothing, keeps trying, and says so', readless, async (t, queue, { url }) => {
    await declare(t, queue);
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

  const writeless = (queue: string) => ({ url: { ...needed.worker(queue), write: NOTHING } });
  itHas('a worker without write answers nothing, and says so', writeless, async (t, queue, { url }) => {
    await declare(t, queue);
    const worker = await startWorker(t, ['--queue', queue, '--log', 'text'], { url });
    const refused = /needs the write permission for 'amq\.default'.*consuming again/;
    // on a slow machine the request may expire before it is delivered
    let client: Result;
    do client = await runClient(t, ['--queue', queue, '-q', '-t', '1s', '10'], { url: admin() });
    while (!refused.test(worker.stderr));
    assert.equal(client.code, 4, client.stderr);
    assert.equal((await worker.stop()).code, 0);
  });

  const pair = (queue: string) => ({ worker: needed.worker(queue), client: needed.direct() });
  itHas(
    'a worker looks up the callers of redelivered requests without a further right',
    pair,
    async (t, queue, urls) => {
      await declare(t, queue);
      const holder = await openRaw({ after: (end) => cleanUp(t, end) }, admin());
      const held: string[] = [];
      await holder.channel.basicConsume({ queue }, ({ body }) => {
        held.push(String(body));
      });
      const { client: url } = urls;
      const staying = start(t, 'client.js', ['--queue', queue, '-q', '-t', '600s', '10'], { url, input: '' });
      const leaving = start(t, 'client.js', ['--queue', queue, '-q', '-t', '600s', '11'], { url, input: '' });
      await until('both requests are held', () => held.length === 2);
      await leaving.stop('SIGKILL');
      await holder.connection.close();
      const worker = await startWorker(t, ['--queue', queue], { url: urls.worker });
      assert.equal((await staying.end()).stdout, '55\n');
      await worker.says(/"event":"rejected"/);
      await worker.stop();
      const [stopped] = worker.records('stopped');
      assert.deepEqual(
        [stopped?.requests, stopped?.redelivered, stopped?.answered, stopped?.rejected, worker.records('probe-failed')],
        [
          2,
          2,
          1,
          {
            'missing-reply-to': 0,
            'malformed-reply-to': 0,
            'refused-reply-to': 0,
            'caller-gone': 1,
            'delivered-too-often': 0,
          },
          [],
        ],
      );
    },
  );

  const direct = () => ({ url: needed.direct() });
  itHas(
    'a client can neither read requests, nor declare, bind or delete anything',
    direct,
    async (t, queue, { url }) => {
      await declare(t, queue);
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
    },
  );

  describe('a user who may do nothing but send requests', () => {
    /** The worker's answer: fib(10). */
    const ANSWER = '55';

    const exchangeOf = (queue: string) => `requests.${queue}`;
    const who = (queue: string) => ({
      worker: needed.worker(queue),
      sender: { configure: NOTHING, write: only(exchangeOf(queue)), read: NOTHING },
    });

    /** Another queue, and an exchange that leads to the request queue: the only thing that the sender may write to. */
    async function scene(t: TestContext, queue: string, url: string) {
      const orders = `orders.${queue}`;
      const exchange = exchangeOf(queue);
      const channel = await declare(t, queue);
      await declare(t, orders);
      await channel.exchangeDeclare({ exchange, type: 'fanout' });
      await channel.queueBind({ queue, exchange });
      const sender = await openRaw({ after: (end) => cleanUp(t, end) }, url);
      const request = (replyTo: string) => sender.channel.basicPublish({ exchange, replyTo }, Buffer.from('10'));
      return { orders, channel, request };
    }
    async function messageIn(t: TestContext, queue: string): Promise<string> {
      const raw = await openRaw({ after: (end) => cleanUp(t, end) }, admin());
      return String((await (await raw.consume(queue)).next()).body);
    }
    const messagesIn = async (channel: Channel, queue: string) =>
      (await channel.queueDeclare({ queue, passive: true })).messageCount;

    itHas('cannot write to another queue itself', who, async (t, queue, { sender }) => {
      const { orders } = await scene(t, queue, sender);
      const publisher = new RawPublisher(sender);
      cleanUp(t, () => publisher.close());
      const refusal = await publisher.publish(orders, { body: Buffer.from(ANSWER), properties: {} });
      assert.match(refusal ?? 'not refused', /^ACCESS_REFUSED/);
    });

    itHas('makes a naive server write there for it, and even to its own queue', who, async (t, queue, { sender }) => {
      const { orders, channel, request } = await scene(t, queue, sender);
      const requests: string[] = [];
      // as the tutorial's server does
      await channel.basicConsume({ queue }, async ({ body, replyTo, deliveryTag }) => {
        requests.push(String(body));
        if (replyTo) await channel.basicPublish({ routingKey: replyTo }, Buffer.from(ANSWER));
        channel.basicAck({ deliveryTag });
      });
      await request(orders);
      assert.equal(await messageIn(t, orders), ANSWER);
      await request(queue);
      await until('its reply is its next request', () => requests.at(-1) === ANSWER);
    });

    itHas('cannot make the worker do so', who, async (t, queue, urls) => {
      const { orders, channel, request } = await scene(t, queue, urls.sender);
      const worker = await startWorker(t, ['--queue', queue], { url: urls.worker });
      await request(orders);
      await request(queue);
      await worker.says(/"event":"rejected"/, 2);
      const rejected = worker.records('rejected').map(({ reason, replyTo }) => [reason, replyTo]);
      assert.deepEqual(rejected, [
        ['refused-reply-to', orders],
        ['refused-reply-to', queue],
      ]);
      assert.deepEqual([await messagesIn(channel, orders), await messagesIn(channel, queue)], [0, 0]);
    });

    itHas('makes it write to any queue with --allow-reply-to *, but never to its own', who, async (t, queue, urls) => {
      const { orders, channel, request } = await scene(t, queue, urls.sender);
      const args = ['--queue', queue, '--allow-reply-to', '*'];
      const worker = await startWorker(t, args, { url: urls.worker });
      await request(orders);
      assert.equal(await messageIn(t, orders), ANSWER);
      await request(queue);
      await worker.says(/"event":"rejected",.*"reason":"refused-reply-to"/);
      assert.equal(await messagesIn(channel, queue), 0);
      await worker.stop();
      const [stopped] = worker.records('stopped');
      assert.deepEqual([stopped?.requests, stopped?.answered], [2, 1]);
    });
  });

  const hinted = (queue: string) => ({
    some: { ...needed.direct(), write: `^(amq\\.default|${queue.replaceAll('.', '\\.')})$` },
    none: needed.direct(),
  });
  itHas('a client can say that nobody consumes if it has any right to the queue', hinted, async (t, queue, urls) => {
    await declare(t, queue);
    const ask = (url: string) => runClient(t, ['--queue', queue, '-t', '3s', '10'], { url });
    const [{ code, stderr }, without] = await Promise.all([ask(urls.some), ask(urls.none)]);
    assert.equal(code, 4);
    assert.match(stderr, new RegExp(`^ \\[!\\] No worker consumes '${queue}'`, 'm'));
    // without, 3.10 still tells and 4.3 does not; the outcome is the same
    assert.equal(without.code, 4, without.stderr);
    assert.match(without.stderr, /no reply from .* within 3 s: does a worker serve it\?/);
  });
});
