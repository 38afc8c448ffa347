import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { noCalls } from '../../src/compare/samples.ts';
import { summarise } from '../../src/compare/summary.ts';
import { verdict } from '../../src/compare/verdict.ts';
import { drift, drifting, sample, samplesOf } from './known-samples.ts';

const designs = ['per-request', 'exclusive', 'direct'];
const options = { workload: 'single', headline: 'time', designs, baseline: 'exclusive' } as const;
const clear = samplesOf({ 'per-request': drifting(3), exclusive: drift, direct: drifting(0.5) });

describe('a summary', () => {
  it('has the medians over the rounds of each round’s figures', () => {
    const [, exclusive] = summarise(clear, options).designs;
    assert.deepEqual(exclusive, {
      design: 'exclusive',
      p50: 4.5,
      p90: 4.5,
      p99: 4.5,
      rate: (1000 / 4 + 1000 / 5) / 2,
      ratio: undefined,
      measured: { ...noCalls, calls: 80, right: 80 },
    });
  });

  it('has the ratio to the baseline of the same round, so that a drift over the rounds is in none of them', () => {
    const [perRequest, , direct] = summarise(clear, options).designs;
    assert.equal(perRequest?.ratio?.median.toFixed(4), '3.0000');
    assert.equal(perRequest?.ratio?.interval?.low.toFixed(2), '2.97');
    assert.equal(perRequest?.ratio?.interval?.high.toFixed(2), '3.03');
    assert.equal(direct?.ratio?.median.toFixed(4), '0.5000');
  });

  it('leaves out the warm-up, other workloads, and rounds that are not complete', () => {
    const more = [
      sample('exclusive', 0, 1_000),
      sample('exclusive', 1, 1_000, { workload: 'churn' }),
      sample('exclusive', 9, 1_000),
      sample('direct', 9, 1_000),
    ];
    assert.deepEqual(summarise([...clear, ...more], options), summarise(clear, options));
  });

  it('counts only right replies into the rate, and every failure into the tally', () => {
    const failures = { calls: 10, right: 5, wrong: 2, timeouts: 2, errors: 1, discarded: 3, firstFailure: 'no reply' };
    const samples = clear.map((one) => (one.design === 'direct' ? { ...one, measured: failures } : one));
    const rate = { ...options, headline: 'rate' } as const;
    const [, , direct] = summarise(samples, rate).designs;
    assert.equal(direct?.ratio?.median.toFixed(4), '1.0001'); // twice as fast, but half of it failed
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
    const [, , direct] = summarise(
      clear.map((one) => (one.design === 'direct' ? { ...one, ...nothing } : one)),
      options,
    ).designs;
    assert.ok(Number.isNaN(direct?.rate) && Number.isNaN(direct?.p50));
    assert.equal(direct?.ratio?.rounds, 0);
    assert.equal(direct?.ratio?.interval, undefined);
  });
});

describe('the sentence', () => {
  const say = (times: Record<string, readonly number[]>, headline: 'time' | 'rate' = 'time') =>
    verdict(summarise(samplesOf(times), { ...options, headline }), 'one call at a time');

  it('says who wins and by how much', () => {
    assert.equal(
      say({ 'per-request': drifting(3), exclusive: drift, direct: drifting(0.5) }),
      'one call at a time: direct wins: per-request takes 6.00 × as long (6.00 to 6.00), ' +
        'exclusive takes 2.00 × as long (1.98 to 2.02).',
    );
  });

  it('says it in calls/s where that is what counts', () => {
    assert.equal(
      say({ 'per-request': drift.map((ms) => ms * 4), exclusive: drift, direct: drift.map((ms) => ms * 2) }, 'rate'),
      'one call at a time: exclusive wins: per-request does 0.25 × the calls/s (0.25 to 0.25), ' +
        'direct does 0.50 × the calls/s (0.50 to 0.50).',
    );
  });

  it('says that no difference was shown where the interval spans 1', () => {
    assert.equal(
      say({
        'per-request': drift.map((ms) => ms * 3),
        exclusive: drift,
        direct: drift.map((ms, index) => ms * (index % 3 ? 1.02 : 0.99)),
      }),
      'one call at a time: no difference shown between exclusive and direct; beside exclusive: ' +
        'per-request takes 3.00 × as long (3.00 to 3.00), direct takes 1.02 × as long (0.99 to 1.02).',
    );
  });

  it('calls nobody the winner after a few rounds, however clear they look', () => {
    assert.equal(
      say({ 'per-request': [3, 3], exclusive: [1, 1], direct: [2, 2] }),
      'one call at a time: too few rounds (2) to call a winner; beside exclusive: ' +
        'per-request takes 3.00 × as long (no interval), direct takes 2.00 × as long (no interval).',
    );
    assert.equal(say({ exclusive: [1] }), 'one call at a time: no complete round, so nothing to say.');
  });

  it('warns of calls that failed', () => {
    const samples = clear.map((one) =>
      one.design === 'direct' ? { ...one, measured: { ...one.measured, calls: 11, errors: 1 } } : one,
    );
    assert.match(verdict(summarise(samples, options), 'x'), /^x: direct wins: .*\. But calls failed with direct: see/);
  });
});
