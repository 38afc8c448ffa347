import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { implementations } from '../../src/measure/bench/index.ts';
import { clientTurns } from '../../src/measure/bench/run/client-turns.ts';
import { sections } from '../../src/measure/bench/run/index.ts';
import type { BenchDocument, FigureName } from '../../src/measure/bench/run/results.ts';
import { startWorkerProcess } from '../../src/measure/worker-process.ts';
import type { PrivateBroker } from '../../src/rabbitmq/broker.ts';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { programFolder } from '../../test-helpers/built.ts';
import { never } from '../../test-helpers/implementations.ts';
import { folderFor } from '../../test-helpers/measure/comparison-run.ts';
import { startTestBroker } from '../../test-helpers/own-broker.ts';
import { start } from '../../test-helpers/programs.ts';
import { testQueue } from '../../test-helpers/rpc.ts';

const everybody = ['fib-worker', 'floor', 'rabbitmq-client', 'amqplib', 'amqp-client'];
const programs = ['fib-worker', 'floor', 'amqplib', 'node'];
const callFigures: FigureName[] = ['rate', 'p50', 'p99', 'clientCpu', 'workerCpu', 'cpu'];

/** What each section has to yield: rows, contenders, figures. */
const expected: Record<string, { rows: number; contenders: string[]; figures: FigureName[] }> = {
  calls: { rows: 6, contenders: everybody, figures: callFigures },
  prefetch: { rows: 3, contenders: ['fib-worker', 'floor'], figures: [...callFigures, 'held'] },
  start: { rows: 2, contenders: programs, figures: ['time'] },
  wire: { rows: 1, contenders: everybody, figures: ['roundTrips'] },
  memory: { rows: 2, contenders: [...programs, ...everybody], figures: ['rss', 'waiting'] },
  flat: { rows: 10, contenders: ['fib-worker client', 'fib-worker worker'], figures: ['rss', 'heap'] },
  payload: { rows: 2, contenders: ['fib-worker', 'floor'], figures: callFigures },
  'in-flight': { rows: 2, contenders: ['fib-worker', 'floor'], figures: callFigures },
  clients: { rows: 2, contenders: ['fib-worker', 'floor'], figures: callFigures },
};

/** In so many runs are they tested: each has a time limit. */
const parts = [['calls'], ['prefetch', 'start', 'wire', 'memory', 'flat'], ['payload', 'in-flight', 'clients']];

describe('dist/bench.js', () => {
  let broker: PrivateBroker;
  before(async () => {
    broker = await startTestBroker();
  });
  after(() => broker[Symbol.asyncDispose]());

  /** Nothing is left on the broker. */
  const expectNothingLeft = async () => {
    assert.equal((await broker.ctl('-q', 'list_queues', 'name')).trim(), '', 'queues');
    assert.equal((await broker.ctl('-q', 'list_connections', 'name')).trim(), '', 'connections');
  };

  /** Quick calls wait behind a slow one with prefetch 100, and with prefetch 1 they go to the other worker. */
  const expectHeldUp = ({ sections }: BenchDocument) => {
    const rows = sections.find(({ name }) => name === 'prefetch')?.rows;
    const held = ['prefetch 1', 'prefetch 100'].map((row) => {
      const entries = rows?.find((one) => one.row === row)?.entries;
      return entries?.find(({ contender }) => contender === 'fib-worker')?.figures.held?.median ?? Number.NaN;
    }) as [number, number];
    assert.ok(held[0] < held[1], `held up: ${held.join(' %, ')} %`);
  };

  it('has no other sections than those that are tested here', () => {
    assert.deepEqual(
      sections.map(({ name }) => name),
      parts.flat(),
    );
    assert.deepEqual(Object.keys(expected), parts.flat());
  });

  for (const part of parts) {
    it(`measures ${part.join(', ')}, judges their goals, and leaves nothing behind`, async (t) => {
      const json = path.join(await folderFor(t), 'new/bench.json');
      const args = ['--short', '--rounds', '1', '--only', part.join(','), '--json', json];
      const { code, stdout, stderr } = await start(t, 'bench.js', args, { url: broker.url }).end();
      assert.equal(code, 0, stderr);
      const document = JSON.parse(await readFile(json, 'utf8')) as BenchDocument;
      assert.deepEqual([document.format, document.version, document.cutShort], ['fib-worker bench', 1, undefined]);
      assert.match(document.broker, /^RabbitMQ \d+\.\d+\.\d+$/);
      assert.deepEqual(
        document.sections.map(({ name }) => name),
        part,
      );
      for (const { name, title, rows } of document.sections) {
        const { rows: count, contenders = [], figures = [] } = expected[name] ?? {};
        assert.equal(rows.length, count, name);
        const entries = rows.flatMap((row) => row.entries);
        const set = (names: string[]) => [...new Set(names)].sort();
        assert.deepEqual(set(entries.map(({ contender }) => contender)), set(contenders), name);
        assert.deepEqual(set(entries.flatMap((entry) => Object.keys(entry.figures))), set(figures), name);
        for (const { contender, failed, firstFailure, figures } of entries) {
          assert.equal(failed, 0, `${name}, ${contender}: ${firstFailure}`);
          for (const [figure, { median }] of Object.entries(figures))
            assert.ok(figure === 'held' ? median >= 0 : median > 0, `${name}, ${contender}: ${figure} is ${median}`);
        }
        assert.match(stdout, new RegExp(`^${title}$`, 'm'));
      }
      assert.deepEqual(
        document.goals.filter(({ verdict }) => verdict === 'not measured'),
        [],
      );
      assert.equal(document.goals.length, (part.includes('calls') ? 22 : 0) + (part.includes('start') ? 5 : 0));
      if (part.includes('prefetch')) expectHeldUp(document);
      for (const { goal } of document.goals) assert.ok(stdout.includes(`  ${goal}  `), goal);
      assert.match(stderr, new RegExp(`^${part[0]}: round 1 of \\d`, 'm'));
      await expectNothingLeft();
    });
  }

  it('prints and writes what it has when it is interrupted, and cleans up', async (t) => {
    const json = path.join(await folderFor(t), 'bench.json');
    const args = ['--only', 'start', '--rounds', '1000', '--json', json];
    const bench = start(t, 'bench.js', args, { url: broker.url });
    await bench.says(/round 2 of \d+/);
    const { code, stdout, stderr } = await bench.stop('SIGINT');
    assert.equal(code, 130, stderr);
    assert.match(stdout, /^RabbitMQ \S+ \(cut short: interrupted by SIGINT\)$/m);
    assert.match(stdout, /^ {2}floor +[\d.,]+$/m);
    const document = JSON.parse(await readFile(json, 'utf8')) as BenchDocument;
    assert.equal(document.cutShort, 'interrupted by SIGINT');
    await expectNothingLeft();
  });

  it('names what is wrong on its command line', async (t) => {
    const { code, stderr } = await start(t, 'bench.js', ['--only', 'everything']).end();
    assert.match(stderr, /^fib-bench: --only "everything": expected one of calls, prefetch, start/);
    assert.equal(code, 2);
  });
});

describe('the two ends that are measured', () => {
  const notLinux = existsSync('/proc/self/stat') ? false : 'needs /proc, for what the kernel counts';

  /** Processor time of a process as the kernel counts it, in µs: in hundredths of a second, user and system apart. */
  function kernelTime(pid: number): number {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10_000;
  }
  const ROUNDING = 20_000;

  it('count the worker’s processor time as the kernel does, and the calls as the worker does', {
    skip: notLinux,
  }, async (t) => {
    const queue = await testQueue(t);
    const pids = new Set(childPids());
    const worker = await startWorkerProcess({
      script: path.join(programFolder, 'compare-worker.js'),
      flags: ['--implementation', 'floor', '--queue', queue, '--prefetch', '100'],
      nodeFlags: ['--expose-gc'],
      url: amqpUrl(),
      env: {},
      onEnd: (error) => assert.fail(error),
      signal: never,
    });
    t.after(() => worker.stop());
    const [pid = 0] = childPids().filter((one) => !pids.has(one));
    const before = await worker.usage({ collect: false });
    const client = clientTurns(implementations.floor, 'direct', { url: amqpUrl(), tls: undefined });
    const turn = { queue, clients: 2, inFlight: 20, length: { time: 0, calls: 3_000 } };
    const { calls, failed, rate, cpu, p50, p99 } = await client.turn(turn);
    const low = kernelTime(pid);
    const used = await worker.usage({ collect: true });
    const high = kernelTime(pid);
    assert.ok(used.cpu > before.cpu, `${used.cpu} µs after ${before.cpu}`);
    assert.ok(
      low - ROUNDING <= used.cpu && used.cpu <= high + ROUNDING,
      `${low} to ${high} µs, but it says ${used.cpu}`,
    );
    assert.ok(used.heap > 0 && used.rss > used.heap, JSON.stringify(used));
    assert.equal(failed, 0);
    assert.ok(calls >= 3_000 + 20 && rate > 0 && cpu > 0 && p99 >= p50 && p50 > 0);
    await client.release(turn);
    assert.equal((await worker.stop())?.answered, calls + 2, 'each client’s first call is no part of the turn');
    await assert.rejects(worker.usage({ collect: false }), /the process ended/);
  });

  function childPids(): number[] {
    return readFileSync(`/proc/self/task/${process.pid}/children`, 'latin1').split(' ').filter(Boolean).map(Number);
  }

  it('count a call that got no right answer as failed', async () => {
    const answers = ['832040', 'wrong'];
    const wrong = {
      ...implementations.floor,
      open: () => ({
        call: async () => {
          await new Promise(setImmediate);
          return Buffer.from(answers[++asked % 2] ?? '');
        },
        discarded: () => 0,
        close: async () => {},
      }),
    };
    let asked = 1;
    const client = clientTurns(wrong, 'direct', { url: 'amqp://nowhere', tls: undefined });
    const { calls, failed, firstFailure } = await client.turn({
      queue: 'none',
      clients: 1,
      inFlight: 1,
      length: { time: 0, calls: 100 },
    });
    assert.equal(calls, asked - 2);
    assert.ok(failed >= 50 && failed < calls, `${failed} of ${calls}`);
    assert.match(firstFailure ?? '', /^the reply to 30 was "wrong"/);
  });
});
