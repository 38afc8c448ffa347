import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { noCalls, type Sample } from '../../src/measure/samples.ts';
import { summariseLevel } from '../../src/measure/summarise.ts';
import { type Workload, workloads } from '../../src/measure/workloads/index.ts';
import { contendersOf, drift, drifting, sample, samplesOf } from '../../test-helpers/measure/known-samples.ts';

const clear = samplesOf({ 'per-request': drifting(3), exclusive: drift, direct: drifting(0.5) });
const level = (samples: readonly Sample[], changes: Partial<Workload> = {}, contenders = contendersOf()) =>
  summariseLevel(samples, 1, { ...workloads.single, ...changes }, contenders);

describe('a summary', () => {
  it('has the medians over the rounds of each round’s figures, and the figures themselves', () => {
    const { entries, rounds } = level(clear);
    assert.equal(rounds, 8);
    const { figures, measured, toBaseline } = entries[1] ?? {};
    assert.deepEqual(figures?.p50, { median: 4.5, rounds: [...drift] });
    assert.equal(figures?.rate?.median, (1000 / 4 + 1000 / 5) / 2);
    assert.deepEqual(measured, { ...noCalls, calls: 80, right: 80 });
    assert.equal(toBaseline, undefined);
  });

  it('has the ratio to the baseline of the same round, so that a drift over the rounds is in none of them', () => {
    const [perRequest, , direct] = level(clear).entries;
    assert.equal(perRequest?.toBaseline?.median.toFixed(4), '3.0000');
    assert.equal(perRequest?.toBaseline?.interval?.low.toFixed(2), '2.97');
    assert.equal(perRequest?.toBaseline?.interval?.high.toFixed(2), '3.03');
    assert.equal(perRequest?.toBaseline?.rounds.length, 8);
    assert.equal(direct?.toBaseline?.median.toFixed(4), '0.5000');
  });

  it('has the ratio to the floor’s same design', () => {
    const floor = samplesOf({ 'per-request': drift, exclusive: drift, direct: drift }, { implementation: 'floor' });
    const { entries } = level([...clear, ...floor], {}, [...contendersOf(), ...contendersOf('floor')]);
    assert.deepEqual(
      entries.map(({ implementation, design, toFloor }) => [implementation, design, toFloor?.median.toFixed(2)]),
      [
        ['fib-worker', 'per-request', '3.00'],
        ['fib-worker', 'exclusive', '1.00'],
        ['fib-worker', 'direct', '0.50'],
        ['floor', 'per-request', undefined],
        ['floor', 'exclusive', undefined],
        ['floor', 'direct', undefined],
      ],
    );
  });

  it('leaves out the warm-up, and rounds that are not complete', () => {
    const more = [sample('exclusive', 0, 1_000), sample('exclusive', 9, 1_000), sample('direct', 9, 1_000)];
    assert.deepEqual(level([...clear, ...more]), level(clear));
  });

  it('counts only right replies into the rate, and every failure into the tally', () => {
    const failures = { calls: 10, right: 5, wrong: 2, timeouts: 2, errors: 1, discarded: 3, firstFailure: 'no reply' };
    const samples = clear.map((one) => (one.design === 'direct' ? { ...one, measured: failures } : one));
    const [, , direct] = level(samples, { headline: 'rate' }).entries;
    assert.equal(direct?.toBaseline?.median.toFixed(4), '1.0001'); // twice as fast, but half of it failed
    assert.deepEqual(direct?.measured, {
      calls: 80,
      right: 40,
      wrong: 16,
      timeouts: 16,
      errors: 8,
      discarded: 24,
      firstFailure: 'no reply',
    });
  });

  it('has no figure, and no ratio, of rounds in which nothing was answered', () => {
    const nothing = { latencies: [], measured: { ...noCalls, calls: 10, errors: 10 } };
    const samples = clear.map((one) => (one.design === 'direct' ? { ...one, ...nothing } : one));
    const [, , direct] = level(samples).entries;
    assert.deepEqual(direct?.figures, {});
    assert.equal(direct?.toBaseline, undefined);
    assert.deepEqual(direct?.percentiles, []);
  });

  it('tells percentiles of all rounds together, as far as calls enough lie above them', () => {
    const latencies = Array.from({ length: 1_000 }, (_, index) => index + 1);
    const one = (round: number) => contendersOf().map(({ design }) => sample(design, round, 1, { latencies }));
    const few = level(one(1)).entries[0]?.percentiles;
    assert.deepEqual(few?.at(-1), [99, 990]);
    const many = level(Array.from({ length: 10 }, (_, index) => one(index + 1)).flat()).entries[0]?.percentiles;
    assert.deepEqual(many?.at(-1), [99.9, 999]);
    assert.deepEqual(
      many?.map(([percent]) => percent),
      [1, 10, 25, 50, 75, 90, 95, 99, 99.9],
    );
  });

  it('has the medians of what the turns cost the broker', () => {
    const samples = clear.map((one) => ({ ...one, broker: { clients: 1, queues: one.round, memory: 7 } }));
    assert.deepEqual(level(samples).entries[0]?.broker, { clients: 1, queues: 4.5, memory: 7 });
  });
});
