import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { parseAmqpUrl } from '../../src/rpc/amqp-url.ts';
import { type BrokerConnection, connect } from '../../src/rpc/connection.ts';
import { inspectQueue } from '../../src/rpc/request-queue.ts';
import { amqpUrl } from '../helpers/broker.ts';
import { deadUrl, start } from '../helpers/programs.ts';

const designs = ['per-request', 'exclusive', 'direct'];

async function withConnection<T>(use: (connection: BrokerConnection) => Promise<T>): Promise<T> {
  const connection = await connect(parseAmqpUrl(amqpUrl()));
  try {
    return await use(connection);
  } finally {
    await connection.close();
  }
}

const inspect = (queue: string) => withConnection((connection) => inspectQueue(connection, queue));

function queueIn(text: string): string {
  const [queue] = /fib-worker\.compare\.[0-9a-f]{12}/.exec(text) ?? [];
  assert.ok(queue, text);
  return queue;
}

/** The cells of the table's rows for a design, one row for each workload. */
function rowsOf(design: string, report: string): string[][] {
  const lines = report.split('\n').filter((line) => line.startsWith(`  ${design} `));
  return lines.map((line) => line.trim().split(/ {2,}/));
}

describe('dist/compare.js', () => {
  it('measures every design at every workload, tells all of it, and leaves no queue', async (t) => {
    const { code, stdout, stderr } = await start(t, 'compare.js', ['--rounds', '2', '--calls', '5']).end();
    assert.equal(code, 0, stderr);
    for (const design of designs) {
      const rows = rowsOf(design, stdout);
      assert.equal(rows.length, 3, stdout);
      for (const cells of rows) {
        const [name, p50, p90, p99, rate, ratio, interval, ...counts] = cells;
        assert.equal(name, design);
        for (const cell of [p50, p90, p99, rate, ratio]) assert.ok(Number(cell?.replaceAll(',', '')) > 0, stdout);
        assert.equal(interval, '–'); // two rounds make none
        assert.deepEqual(counts, ['10', '0', '0']);
      }
    }
    for (const title of ['one call at a time', '50 calls in flight', 'connect, call, disconnect']) {
      assert.match(stdout, new RegExp(`^${title}: too few rounds \\(2\\) to call a winner; beside .*\\.$`, 'm'));
    }
    // 3 workloads × 3 designs × 5 calls in 2 rounds. And in all 3 × 3 turns of each workload: 10 calls to warm up,
    // 100 and the 49 under way at the end, and 2; and the 3 × 3 × 5 of the round of warm-up
    assert.match(
      stdout,
      /^ {2}measured +90 calls: 90 answered right, 0 wrong, 0 timed out, 0 failed otherwise; 0 replies/m,
    );
    assert.match(stdout, /^ {2}not measured +1,494 calls: 1,494 answered right/m);
    assert.match(stdout, /^ {2}worker +answered 1,584, refused 0$/m);
    assert.match(stdout, /^ {2}broker +RabbitMQ \d+\.\d+\.\d+ /m);
    assert.match(stdout, /^ {2}request queue +fib-worker\.compare\.[0-9a-f]+, classic, durable/m);
    assert.match(stdout, /^ {2}worker +fib-worker \S+, one process, prefetch 50 for every design$/m);
    assert.match(stdout, /^ {2}loop +closed/m);
    assert.match(stderr, /^warmed up\nround 1 of 2\nround 2 of 2\n$/m);
    assert.equal(await inspect(queueIn(stdout)), undefined);
  });

  it('measures what it is asked to only, and calls a winner or none after six rounds', async (t) => {
    const args = ['--only', 'single', '--rounds', '6', '--calls', '5', '--prefetch', '3', '--queue-type', 'quorum'];
    const { code, stdout } = await start(t, 'compare.js', args).end();
    assert.equal(code, 0);
    assert.match(
      stdout,
      /^one call at a time: (\S+ wins|no difference shown between .*); .*|^one call at a time: \S+ wins: /m,
    );
    assert.doesNotMatch(stdout, /in flight \(|disconnect \(/);
    assert.match(stdout, /prefetch 3 for every design/);
    assert.match(stdout, /^ {2}request queue .*, quorum, durable/m);
    assert.equal(rowsOf('direct', stdout)[0]?.[6]?.split(' to ').length, 2);
    assert.equal(await inspect(queueIn(stdout)), undefined);
  });

  it('prints what it has when it is interrupted, and cleans up', async (t) => {
    const compare = start(t, 'compare.js', ['--only', 'single', '--rounds', '1000', '--calls', '5']);
    await compare.says(/round 3 of 1000/);
    const { code, stdout, stderr } = await compare.stop('SIGINT');
    assert.equal(code, 130, stderr);
    assert.match(stdout, /^ {2}rounds +cut short: \d+ of 1000 are complete/m);
    assert.equal(rowsOf('direct', stdout).length, 1);
    assert.equal(await inspect(queueIn(stdout)), undefined);
  });

  it('leaves no worker even if it is killed, and so the queue expires', async (t) => {
    const compare = start(t, 'compare.js', ['--only', 'single', '--rounds', '1000', '--calls', '5']);
    await compare.says(/round 1 of 1000/);
    const queue = queueIn(compare.stderr);
    await compare.stop('SIGKILL');
    while ((await inspect(queue))?.consumerCount) await delay(50);
    // what is left of the wait is the broker's x-expires
    await withConnection(async (connection) => (await connection.openChannel()).queueDelete(queue));
  });

  it('says in a line what is wrong with its options, or with the broker', async (t) => {
    const wrong = await start(t, 'compare.js', ['--only', 'everything']).end();
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /^fib-compare: --only[^\n]*single, concurrent, churn[^\n]*\n$/);
    const absent = await start(t, 'compare.js', [], { url: await deadUrl() }).end();
    assert.equal(absent.code, 1);
    assert.match(absent.stderr, /^fib-compare: AMQP_URL: [^\n]+\n$/);
    assert.equal(absent.stdout, '');
  });
});
