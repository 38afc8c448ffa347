import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Design } from '../../src/measure/implementation.ts';
import type { Sample } from '../../src/measure/samples.ts';
import { sentencesOf } from '../../src/measure/sentences.ts';
import { summariseLevel } from '../../src/measure/summarise.ts';
import { type Workload, workloads } from '../../src/measure/workloads/index.ts';
import { contendersOf, drift, drifting, samplesOf } from '../../test-helpers/measure/known-samples.ts';

type Times = Readonly<Partial<Record<Design, readonly number[]>>>;
const unsure = (factor: number) => drift.map((ms, index) => ms * factor * (index % 3 ? 1.02 : 0.95));
const times = (factor: number) => drift.map((ms) => ms * factor);

/** The sentences of what the implementations showed at each level. */
function say(
  workload: Workload,
  levels: Readonly<Record<number, Readonly<Record<string, Times>>>>,
  change: (sample: Sample) => Sample = (same) => same,
): string[] {
  const results = Object.entries(levels).map(([level, shown]) => {
    const contenders = Object.entries(shown).flatMap(([name, of]) =>
      contendersOf(name).filter(({ design }) => of[design]),
    );
    const samples = Object.entries(shown).flatMap(([implementation, of]) => samplesOf(of, { implementation }));
    return summariseLevel(samples.map(change), Number(level), workload, contenders);
  });
  return sentencesOf({ workload, levels: results, limit: undefined });
}

describe('the sentences', () => {
  it('say what each design takes beside the tutorial’s, with the interval', () => {
    assert.deepEqual(
      say(workloads.single, {
        1: { 'fib-worker': { 'per-request': drifting(3), exclusive: drift, direct: drifting(0.5) } },
      }),
      [
        'fib-worker, p50 ms: per-request beside exclusive: takes more (3.00 ×, 2.97 to 3.03); ' +
          'direct beside exclusive: takes less (0.50 ×, 0.49 to 0.51).',
      ],
    );
  });

  it('say of many clients also how long their calls take once they are connected', () => {
    const slower = (sample: Sample) => ({ ...sample, others: { setUp: sample.design === 'direct' ? 1 : 2 } });
    const said = say(workloads.clients, { 10: { floor: { exclusive: drift, direct: drifting(1.5) } } }, slower);
    assert.deepEqual(said, [
      'floor, set-up ms: direct beside exclusive: takes less (0.50 ×, 0.50 to 0.50).',
      'floor, p50 ms: direct beside exclusive: takes more (1.50 ×, 1.48 to 1.52).',
    ]);
  });

  it('say that no difference was shown where the interval holds 1, and that rounds were too few', () => {
    const [shown] = say(workloads.single, { 1: { floor: { exclusive: drift, direct: unsure(1) } } });
    assert.match(
      shown ?? '',
      /^floor, p50 ms: direct beside exclusive: no difference shown \(1\.02 ×, 0\.95 to 1\.02\)\.$/,
    );
    const [few] = say(workloads.single, { 1: { floor: { exclusive: [1, 1], direct: [2, 2] } } });
    assert.equal(few, 'floor, p50 ms: direct beside exclusive: too few rounds to tell (2.00 ×).');
    assert.deepEqual(say(workloads.single, { 1: { floor: { exclusive: [], direct: [] } } }), [
      'No complete round, so nothing to say.',
    ]);
  });

  it('say at which levels, and between which of them the lines cross', () => {
    const [said] = say(workloads.sweep, {
      1: { floor: { exclusive: drift, direct: times(0.8) } },
      4: { floor: { exclusive: drift, direct: unsure(1) } },
      16: { floor: { exclusive: drift, direct: times(1.25) } },
      64: { floor: { exclusive: drift, direct: times(2) } },
    });
    assert.equal(
      said,
      'floor, calls/s: direct beside exclusive: does more at 1 (1.25 ×), no difference shown at 4 (0.98 ×), ' +
        'does less at 16 (0.80 ×) and 64 (0.50 ×) calls in flight; the lines cross between 1 and 16 calls in flight.',
    );
  });

  it('say from where on more in flight brings no more', () => {
    const said = say(workloads.sweep, {
      1: { floor: { exclusive: times(4), direct: times(3) } },
      4: { floor: { exclusive: times(2), direct: times(2) } },
      16: { floor: { exclusive: times(1.98), direct: times(1) } },
    });
    assert.equal(
      said[1],
      'floor is within 5 % of its best rate, going by medians: exclusive at 4 (113 calls/s) and direct at 16, the most that was tried (225 calls/s).',
    );
  });

  it('say where the floor and the library disagree', () => {
    const faster = { exclusive: drift, direct: times(0.5) };
    const slower = { exclusive: drift, direct: times(2) };
    const same = { exclusive: drift, direct: unsure(1) };
    assert.deepEqual(say(workloads.single, { 1: { 'fib-worker': faster, floor: slower } }).slice(2), [
      'fib-worker and the floor disagree on the winner: direct (0.50 × and 2.00 ×).',
    ]);
    assert.deepEqual(say(workloads.single, { 1: { 'fib-worker': same, floor: slower } }).slice(2), [
      'Only one of fib-worker and the floor shows a difference: direct (1.02 × and 2.00 ×); that the two differ is not shown by that.',
    ]);
    assert.deepEqual(say(workloads.single, { 1: { 'fib-worker': slower, floor: slower } }).slice(2), []);
    const churn = say(workloads.churn, {
      1: { 'fib-worker': faster, floor: faster },
      10: { 'fib-worker': faster, floor: slower },
    });
    assert.equal(churn[2], 'fib-worker and the floor disagree on the winner: direct at 10 (0.50 × and 2.00 ×).');
  });

  it('say nothing of a design whose implementation has nothing to compare it with', () => {
    assert.deepEqual(
      say(workloads.single, { 1: { amqplib: { exclusive: drift }, 'amqp-client': { direct: drift } } }),
      [],
    );
  });

  it('warn of calls that failed', () => {
    const said = say(workloads.single, { 1: { floor: { exclusive: drift, direct: drift } } }, (sample) =>
      sample.design === 'direct' ? { ...sample, measured: { ...sample.measured, calls: 11, errors: 1 } } : sample,
    );
    assert.equal(said.at(-1), 'Calls failed: floor direct (one call at a time) 8 of 88.');
  });

  it('say what the broker held for each of many clients, where that was read several times, and how far its memory grew', () => {
    const broker = { clients: 100, queues: 100, processes: 800, memory: 5_000_000 };
    const often = { 100: { floor: { exclusive: drift } }, 500: { floor: { exclusive: [1] } } };
    const held = say(workloads.clients, often, (sample) => ({ ...sample, broker }));
    assert.equal(
      held.at(-1),
      'For each of 100 clients of floor the broker held: exclusive 1 queues, 8 processes, 50 kB in processes ' +
        '(median of 8 readings; some ten kB are noise).',
    );
    const grown = ({ design }: Sample) => ({ recovery: 100, peakMemory: design === 'direct' ? 42e6 : 21e6 });
    const grew = say(workloads.burst, { 500: { floor: { exclusive: drift, direct: drift } } }, (sample) => ({
      ...sample,
      others: grown(sample),
    }));
    assert.equal(grew.at(-1), 'floor, peak MB: direct beside exclusive: takes more (2.00 ×, 2.00 to 2.00).');
  });

  it('say where an open loop was not kept up with', () => {
    const said = (rate: number) =>
      say({ ...workloads.open, offers: () => rate }, { 200: { floor: { exclusive: drift } } }).at(-1);
    assert.equal(said(200), undefined);
    assert.match(
      said(2_000) ?? '',
      /^Did not keep up with the calls offered: floor exclusive \(200 calls\/s offered\);/,
    );
  });

  it('say which level was out of reach, and why', () => {
    const limit = { workload: 'clients', level: 2_000, why: 'of 2000 clients 1017 connected: too many open files' };
    assert.deepEqual(sentencesOf({ workload: workloads.clients, levels: [], limit }), [
      '2000 clients were out of reach here: of 2000 clients 1017 connected: too many open files.',
    ]);
  });
});
