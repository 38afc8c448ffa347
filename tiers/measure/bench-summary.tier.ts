import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { judge, judgeGoals } from '../../src/measure/bench/run/goals.ts';
import { renderBench } from '../../src/measure/bench/run/render.ts';
import type { BenchDocument, FigureName, Sample } from '../../src/measure/bench/run/results.ts';
import { ratioBetween, summarise } from '../../src/measure/bench/run/summary.ts';

const heading = { name: 'calls', title: 'calls', detail: 'As known', columns: ['rate', 'p50'] as FigureName[] };

/** A sample for each round's figure. */
function samplesOf(contender: string, figure: FigureName, rounds: readonly number[], row = 'a row'): Sample[] {
  return rounds.map((value, i) => ({ section: 'calls', row, contender, round: i + 1, values: { [figure]: value } }));
}

/** The figures of a contender at a row. */
function figuresOf(samples: readonly Sample[], contender: string, row = 'a row', grows = false) {
  const [section] = summarise([{ ...heading, grows }], samples);
  const entries = section?.rows.find((one) => one.row === row)?.entries;
  return entries?.find((entry) => entry.contender === contender)?.figures;
}

describe('the figures of the benchmark', () => {
  it('are medians of the rounds, and ratios those of the rounds’ ratios, not of the medians', () => {
    const samples = [...samplesOf('floor', 'rate', [100, 200, 1_000]), ...samplesOf('own', 'rate', [50, 180, 600])];
    const rate = figuresOf(samples, 'own')?.rate;
    assert.equal(rate?.median, 180);
    assert.deepEqual(rate?.toFloor?.rounds, [0.5, 0.9, 0.6]);
    assert.equal(rate?.toFloor?.median, 0.6);
    assert.equal(figuresOf(samples, 'floor')?.rate?.toFloor, undefined);
  });

  it('are paired by round, whatever is missing and in whatever order it came', () => {
    const floor = samplesOf('floor', 'p50', [1, 2, 4]);
    const own = samplesOf('own', 'p50', [3, 3, 3]).filter(({ round }) => round !== 2);
    const p50 = figuresOf([...own.reverse(), ...floor.reverse()], 'own')?.p50;
    assert.deepEqual(p50?.toFloor?.rounds, [3, 0.75]);
    assert.deepEqual(p50?.rounds, [3, 3]);
  });

  it('have an interval from six rounds on', () => {
    const both = (rounds: readonly number[]) => [
      ...samplesOf('own', 'rate', rounds),
      ...samplesOf(
        'floor',
        'rate',
        rounds.map(() => 1),
      ),
    ];
    assert.equal(figuresOf(both([1, 2, 3, 4, 5]), 'own')?.rate?.toFloor?.interval, undefined);
    const { low, high } = figuresOf(both([6, 2, 3, 4, 5, 1]), 'own')?.rate?.toFloor?.interval ?? {};
    assert.deepEqual([low, high], [1, 6]);
  });

  it('stand beside the first row’s where the work grows, and only there', () => {
    const samples = [...samplesOf('own', 'rate', [100, 100], 'small'), ...samplesOf('own', 'rate', [50, 20], 'large')];
    assert.deepEqual(figuresOf(samples, 'own', 'large', true)?.rate?.toFirst?.rounds, [0.5, 0.2]);
    assert.equal(figuresOf(samples, 'own', 'small', true)?.rate?.toFirst, undefined);
    assert.equal(figuresOf(samples, 'own', 'large')?.rate?.toFirst, undefined);
  });

  it('have no ratio where that would say nothing', () => {
    const samples = [...samplesOf('own', 'held', [50], 'few'), ...samplesOf('own', 'held', [25], 'more')];
    assert.deepEqual(figuresOf(samples, 'own', 'more', true)?.held, { median: 25, rounds: [25] });
  });

  it('count the calls that failed, with the first reason', () => {
    const samples = samplesOf('own', 'rate', [1, 1, 1]).map((sample, i) => ({
      ...sample,
      failed: i,
      ...(i > 0 ? { firstFailure: `reason ${i}` } : {}),
    }));
    const [entry] = summarise([heading], samples)[0]?.rows[0]?.entries ?? [];
    assert.deepEqual([entry?.failed, entry?.firstFailure], [3, 'reason 1']);
  });

  it('leave out a section that has none', () => {
    assert.deepEqual(summarise([heading], []), []);
  });
});

describe('a goal of the benchmark', () => {
  const ratio = (median: number, low: number, high: number) => ({
    median,
    rounds: [],
    interval: { low, high, coverage: 0.97 },
  });

  it('is reached or missed by the median, and surely so if the whole interval is on that side', () => {
    assert.deepEqual(judge(ratio(0.9, 0.86, 1), 'at least', 0.85).verdict, 'reached');
    assert.equal(judge(ratio(0.9, 0.86, 1), 'at least', 0.85).sure, true);
    assert.equal(judge(ratio(0.9, 0.8, 1), 'at least', 0.85).sure, false);
    assert.equal(judge(ratio(0.8, 0.7, 0.84), 'at least', 0.85).verdict, 'missed');
    assert.equal(judge(ratio(0.8, 0.7, 0.84), 'at least', 0.85).sure, true);
    assert.equal(judge(ratio(1.5, 1.4, 1.5), 'at most', 1.5).sure, true);
    assert.equal(judge(ratio(1.51, 1.4, 1.6), 'at most', 1.5).verdict, 'missed');
    assert.equal(judge(ratio(1, 1, 1), 'more than', 1).verdict, 'missed');
    assert.equal(judge(ratio(1, 1, 1), 'less than', 1).verdict, 'missed');
    assert.equal(judge({ median: 2, rounds: [2] }, 'more than', 1).sure, false);
  });

  it('is not measured if it was not', () => {
    assert.deepEqual(judge(undefined, 'at least', 1), { verdict: 'not measured', sure: false });
    const goals = judgeGoals([], ['start'], ['amqplib']);
    assert.equal(goals.length, 4);
    assert.ok(goals.every(({ verdict }) => verdict === 'not measured'));
  });

  it('is not measured where calls failed, its own or those that it is measured against', () => {
    const row = '50 in flight, prefetch 1';
    const verdictsWith = (failing: string) => {
      const samples = ['fib-worker', 'floor', 'amqplib'].flatMap((contender) => {
        const rounds = samplesOf(contender, 'rate', [100, 100], row);
        return rounds.map((sample) =>
          contender === failing && sample.round === 2 ? { ...sample, failed: 1 } : sample,
        );
      });
      return judgeGoals(samples, ['calls'], ['amqplib'])
        .filter(({ goal }) => goal.startsWith(`${row}: calls/s`))
        .map(({ verdict, sure }) => [verdict, sure]);
    };
    const [toFloor, toAmqplib] = [
      ['reached', false],
      ['missed', false],
    ];
    const notMeasured = ['not measured', false];
    assert.deepEqual(verdictsWith('nobody'), [toFloor, toAmqplib]);
    assert.deepEqual(verdictsWith('fib-worker'), [notMeasured, notMeasured]);
    assert.deepEqual(verdictsWith('floor'), [notMeasured, toAmqplib]);
    assert.deepEqual(verdictsWith('amqplib'), [toFloor, notMeasured]);
  });

  it('is surely reached or missed by one count, where it is counted', () => {
    const row = 'network round trips from connecting to the first reply';
    const samples = (['fib-worker', 'floor'] as const).map((contender): Sample => {
      return { section: 'wire', row, contender, round: 1, values: { roundTrips: 6 } };
    });
    assert.deepEqual(
      judgeGoals(samples, ['wire'], []).map(({ verdict, sure }) => [verdict, sure]),
      [['reached', true]],
    );
  });

  it('is judged by the rounds of its own row', () => {
    const row = '50 in flight, prefetch 1';
    const samples = [
      ...samplesOf('fib-worker', 'rate', [90, 90], row),
      ...samplesOf('floor', 'rate', [100, 100], row),
      ...samplesOf('amqplib', 'rate', [60, 120], row),
      ...samplesOf('floor', 'rate', [1, 1], '50 in flight, prefetch 100'),
    ];
    const goals = judgeGoals(samples, ['calls'], ['amqplib']).filter(({ verdict }) => verdict !== 'not measured');
    assert.deepEqual(
      goals.map(({ goal, ratio, verdict }) => [goal, ratio?.median, verdict]),
      [
        ['50 in flight, prefetch 1: calls/s over the floor’s', 0.9, 'reached'],
        ['50 in flight, prefetch 1: calls/s over those of amqplib', 1.125, 'reached'],
      ],
    );
    const place = { section: 'calls', row, figure: 'p50' } as const;
    assert.equal(ratioBetween(samples, place, ['fib-worker', 'floor']), undefined);
  });
});

describe('the report of the benchmark', () => {
  it('shows figures, ratios, what failed and what became of the goals', () => {
    const samples = [
      ...samplesOf('floor', 'rate', [1_000, 1_000, 1_000, 1_000, 1_000, 1_000]),
      ...samplesOf('fib-worker', 'rate', [900, 900, 900, 800, 800, 800]).map((sample) => ({
        ...sample,
        failed: 1,
        firstFailure: 'no reason',
      })),
    ];
    const document: BenchDocument = {
      format: 'fib-worker bench',
      version: 1,
      began: '2026-11-21T08:00:00.000Z',
      took: 1,
      cutShort: 'interrupted',
      broker: 'RabbitMQ 4.3.6',
      sections: summarise([heading], samples),
      goals: [
        { goal: 'to be quick', bound: 'at least', target: 0.85, verdict: 'reached', sure: true },
        { goal: 'to be quicker', bound: 'more than', target: 1, verdict: 'missed', sure: false },
      ],
      conditions: [['broker', 'RabbitMQ 4.3.6']],
    };
    const text = renderBench(document);
    assert.match(text, /^RabbitMQ 4.3.6 \(cut short: interrupted\)$/m);
    assert.match(text, /^ {2}fib-worker +850 +0\.85 \[0\.80 to 0\.90\]/m);
    assert.match(text, /^ {2}floor +1,000 +–$/m);
    assert.match(text, /^fib-worker: 6 calls failed, the first: no reason$/m);
    assert.match(text, /^ {2}to be quick +at least 0\.85 +– +reached$/m);
    assert.match(text, /^ {2}to be quicker +more than 1\.00 +– +missed, not sure$/m);
  });
});
