import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { amqpUrl } from '../../test-helpers/broker.ts';
import {
  cleanUp,
  deadUrl,
  type Running,
  runClient,
  start,
  startWorker,
  uniqueQueue,
} from '../../test-helpers/programs.ts';
import { openRaw } from '../../test-helpers/rpc.ts';

/** A worker with its queue, ready to be looked at. */
interface Started {
  readonly t: TestContext;
  readonly worker: Running;
  readonly queue: string;
}

interface Option {
  readonly flag: string;
  readonly env: string;
  /** Two values that can be told apart. */
  readonly values: readonly [string, string];
  /** Which value the worker runs with. */
  readonly seen: (started: Started) => Promise<string> | string;
}

/** The limit that the worker names when it refuses a number. */
async function limitOf({ t, queue }: Started): Promise<string> {
  const { stderr } = await runClient(t, ['--queue', queue, '60000']);
  return /n must be at most (\d+)/.exec(stderr)?.[1] ?? stderr;
}

async function queueTypeOf({ t, queue }: Started): Promise<string> {
  const { channel } = await openRaw({ after: (end) => cleanUp(t, end) });
  const declare = channel.queueDeclare({ queue, durable: true, arguments: { 'x-queue-type': 'quorum' } });
  return declare.then(
    () => 'quorum',
    () => 'classic',
  );
}

const options: readonly Option[] = [
  {
    flag: 'prefetch',
    env: 'PREFETCH',
    values: ['7', '9'],
    seen: ({ worker }) => String(worker.records('consuming')[0]?.prefetch),
  },
  {
    flag: 'threads',
    env: 'THREADS',
    values: ['2', '3'],
    seen: ({ worker }) => String(worker.records('consuming')[0]?.prefetch), // which follows
  },
  { flag: 'max-n', env: 'MAX_N', values: ['40', '50'], seen: limitOf },
  {
    flag: 'algorithm',
    env: 'ALGORITHM',
    values: ['recursive', 'doubling'],
    seen: async (started) => ((await limitOf(started)) === '35' ? 'recursive' : 'doubling'),
  },
  { flag: 'queue-type', env: 'QUEUE_TYPE', values: ['quorum', 'classic'], seen: queueTypeOf },
  {
    flag: 'log',
    env: 'LOG',
    values: ['text', 'json'],
    seen: ({ worker }) => (worker.stderr.startsWith('{') ? 'json' : 'text'),
  },
];

describe('an option of the worker', { concurrency: 3 }, () => {
  for (const { flag, env, values, seen } of options) {
    const [one, other] = values;
    const run = async (t: TestContext, args: readonly string[], variables: Readonly<Record<string, string>>) => {
      const queue = uniqueQueue(t);
      const worker = await startWorker(t, ['--queue', queue, ...args], { env: variables });
      return seen({ t, worker, queue });
    };
    it(`is a flag: --${flag}`, async (t) => {
      assert.equal(await run(t, [`--${flag}`, one], {}), one);
      assert.equal(await run(t, [`--${flag}=${other}`], {}), other);
    });
    it(`is an environment variable: ${env}`, async (t) => {
      assert.equal(await run(t, [], { [env]: one }), one);
      assert.equal(await run(t, [], { [env]: other }), other);
    });
    it(`is what the flag says where both are given: --${flag} and ${env}`, async (t) => {
      assert.equal(await run(t, [`--${flag}`, one], { [env]: other }), one);
      assert.equal(await run(t, [`--${flag}`, other], { [env]: one }), other);
    });
  }

  it('names the queue as --queue or RPC_QUEUE, and the flag wins', async (t) => {
    const [flag, variable] = [uniqueQueue(t), uniqueQueue(t)];
    const seen = async (args: readonly string[], env: Readonly<Record<string, string>>) =>
      (await startWorker(t, args, { env })).records('consuming')[0]?.queue;
    assert.equal(await seen(['--queue', flag], {}), flag);
    assert.equal(await seen([], { RPC_QUEUE: variable }), variable);
    assert.equal(await seen(['--queue', flag], { RPC_QUEUE: variable }), flag);
  });

  it('names the broker as --url or AMQP_URL, and the flag wins', async (t) => {
    const queue = uniqueQueue(t);
    const url = await deadUrl();
    await startWorker(t, ['--queue', queue, '--url', amqpUrl()], { url });
    const worker = start(t, 'worker.js', ['--queue', queue, '--url', url]);
    await worker.says(new RegExp(`no RabbitMQ answers at ${new URL(url).host}`));
    assert.equal((await worker.stop()).code, 0);
  });

  it('counts as not given where its variable is empty', async (t) => {
    const env = { RPC_QUEUE: '', PREFETCH: '', QUEUE_TYPE: '', LOG: '' };
    const worker = await startWorker(t, ['--queue', uniqueQueue(t)], { env });
    assert.equal(worker.records('consuming')[0]?.prefetch, 1);
  });

  it('logs each request as JSON with --log-requests or LOG_REQUESTS', async (t) => {
    for (const [args, env] of [
      [['--log-requests'], {}],
      [[], { LOG_REQUESTS: 'true' }],
    ] as const) {
      const queue = uniqueQueue(t);
      const worker = await startWorker(t, ['--queue', queue, ...args], { env });
      await runClient(t, ['--queue', queue, '13']);
      assert.deepEqual(
        worker.records('request').map(({ function: name, request }) => [name, request]),
        [['fib', '13']],
      );
    }
  });

  it('lets the worker write to further reply queues: --allow-reply-to or ALLOW_REPLY_TO', async (t) => {
    for (const [args, env] of [
      [['--allow-reply-to', 'test.programs.*'], {}],
      [[], { ALLOW_REPLY_TO: 'other.*, test.programs.*' }],
    ] as const) {
      const [queue, replyTo] = [uniqueQueue(t), uniqueQueue(t)];
      await startWorker(t, ['--queue', queue, ...args], { env });
      const raw = await openRaw({ after: (end) => cleanUp(t, end) });
      await raw.channel.queueDeclare({ queue: replyTo, durable: true });
      const inbox = await raw.consume(replyTo);
      await raw.publish(queue, '14', { replyTo, correlationId: 'mine' });
      const reply = await inbox.next();
      assert.deepEqual([String(reply.body), reply.correlationId], ['377', 'mine']);
    }
  });
});

describe('a wrong option of the worker', { concurrency: 3 }, () => {
  const wrong: readonly (readonly [args: readonly string[], env: Readonly<Record<string, string>>, named: RegExp])[] = [
    [['--prefetch', '0'], {}, /--prefetch "0"/],
    [['--prefetch', 'many'], {}, /--prefetch "many"/],
    [['--threads', '-1'], {}, /--threads "-1"/],
    [['--threads', '4', '--prefetch', '3'], {}, /--prefetch 3 .*--threads 4/],
    [['--max-run', '60', '--threads', '1'], {}, /--max-run "60"/],
    [['--max-deliveries', '0'], {}, /--max-deliveries "0"/],
    [['--max-n', '-1'], {}, /--max-n "-1"/],
    [['--max-n', '1e3'], {}, /--max-n "1e3"/],
    [['--algorithm', 'slow'], {}, /--algorithm "slow".*doubling, recursive/],
    [['--queue-type', 'stream'], {}, /--queue-type "stream".*classic, quorum/],
    [['--log', 'xml'], {}, /--log "xml".*text, json/],
    [['--grace', '8'], {}, /--grace "8".*8s or 8ms/],
    [['--idle-exit', '0s'], {}, /--idle-exit "0s"/],
    [['--idle-exit', '30'], {}, /--idle-exit "30".*30s or 30ms/],
    [['--max-calls', '0'], {}, /--max-calls "0"/],
    [['--http-port', '65536'], {}, /--http-port "65536"/],
    [[], { IDLE_EXIT: 'soon' }, /IDLE_EXIT "soon"/],
    [[], { MAX_CALLS: 'few' }, /MAX_CALLS "few"/],
    [[], { HTTP_PORT: 'http' }, /HTTP_PORT "http"/],
    [['--queue', ''], {}, /--queue ""/],
    [['--queue', 'q'.repeat(256)], {}, /queue: .*256 bytes/],
    [['--ca', '/nowhere/ca.pem'], {}, /--ca \/nowhere\/ca\.pem/],
    [['--url', 'http://127.0.0.1'], {}, /--url/],
    [['--no-such-thing'], {}, /--no-such-thing/],
    [['--in-thread'], {}, /unknown option --in-thread/], // a thread of the pool is told so

    [['extra'], {}, /"extra"/],
    [[], { PREFETCH: 'many' }, /PREFETCH "many"/],
    [[], { THREADS: '4', PREFETCH: '1' }, /--prefetch 1 .*--threads 4/],
    [[], { MAX_N: '-1' }, /MAX_N "-1"/],
    [[], { ALGORITHM: 'slow' }, /ALGORITHM "slow"/],
    [[], { QUEUE_TYPE: 'stream' }, /QUEUE_TYPE "stream"/],
    [[], { LOG: 'xml' }, /LOG "xml"/],
    [[], { GRACE: 'soon' }, /GRACE "soon"/],
    [[], { DURABLE: 'perhaps' }, /DURABLE "perhaps"/],
  ];
  for (const [args, env, named] of wrong) {
    const shown = [...Object.entries(env).map((pair) => pair.join('=')), ...args.map((arg) => arg.slice(0, 30))].join(
      ' ',
    );
    it(`is one line that names it and its value, and exit code 2: ${shown}`, async (t) => {
      const { code, stdout, stderr } = await start(t, 'worker.js', args, { url: null, env }).end();
      assert.equal(code, 2, stderr);
      assert.equal(stdout, '');
      assert.match(stderr, /^fib-worker: [^\n]+\n$/);
      assert.match(stderr, named);
    });
  }

  it('never shows a password', async (t) => {
    const url = 'amqp://guest:s3cret%zz@127.0.0.1';
    const { code, stderr } = await start(t, 'worker.js', ['--url', url], { url: null }).end();
    assert.equal(code, 2);
    assert.match(stderr, /^fib-worker: --url [^\n]+\n$/);
    assert.doesNotMatch(stderr, /s3cret/);
  });
});
