import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findingsOf } from '../../src/measure/analysis/findings.ts';
import { enough, FIRST_ROUNDS, roundsNeeded } from '../../src/measure/analysis/rounds.ts';
import { holm, meanInterval, moments, quantile, tTest } from '../../src/measure/analysis/student.ts';
import { knownDocument, sampleOf } from '../../test-helpers/measure/known-document.ts';

const near = (value: number | undefined, wanted: number, by = 0.005) =>
  assert.ok(Math.abs((value ?? Number.NaN) - wanted) <= by, `${value}, expected ${wanted}`);

/** Numbers between 0 and 1 that are the same each time (mulberry32). */
function randomly(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe('Student’s t', () => {
  it('has the quantiles of the tables', () => {
    for (const [freedom, wanted] of [
      [2, 4.303],
      [5, 2.571],
      [9, 2.262],
      [30, 2.042],
    ] as const)
      near(quantile(0.975, freedom), wanted, 0.0006);
    near(quantile(0.95, 5), 2.015, 0.0006);
  });

  it('gives an interval and a p-value that agree, and neither for less than three values', () => {
    const values = [0.1, 0.2, 0.3, 0.15];
    const { low = Number.NaN, high = Number.NaN } = meanInterval(values) ?? {};
    near((low + high) / 2, 0.1875);
    near(tTest(values, low), 0.05, 1e-6);
    assert.equal(meanInterval([1, 2]), undefined);
    assert.equal(tTest([1, 2]), 1);
    near(tTest(values, 0, 'more') + tTest(values, 0, 'less'), 1, 1e-9);
  });

  it('is corrected for how much is said, after Holm', () => {
    assert.deepEqual(
      holm([0.01, 0.04, 0.03]).map((p) => Number(p.toFixed(3))),
      [0.03, 0.06, 0.06],
    );
  });
});

describe('the number of rounds', () => {
  it('is what the spread of the floor’s first asks for, and leaves the interval what it says', () => {
    const random = randomly(42);
    const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    const [runs, sd, truth] = [4_000, 0.08, 0.05];
    let held = 0;
    let rounds = 0;
    for (let run = 0; run < runs; run++) {
      const floor = Array.from({ length: FIRST_ROUNDS }, () => sd * normal());
      const values = Array.from({ length: enough(moments(floor).sd) }, () => truth + sd * normal());
      const interval = meanInterval(values);
      if (interval && interval.low <= truth && truth <= interval.high) held++;
      rounds += values.length;
    }
    assert.ok(held / runs > 0.943, `an interval of 95 % held the truth in ${(100 * held) / runs} % of the runs`);
    assert.ok(rounds / runs > FIRST_ROUNDS + 2, 'more rounds were needed at all');
  });

  it('does not depend on what this project’s client showed', () => {
    assert.equal(roundsNeeded(knownDocument(1.3)), FIRST_ROUNDS, 'rounds that are alike are enough');
    const quiet = knownDocument(1.3, FIRST_ROUNDS);
    const noisy = (contender: string) =>
      quiet.samples.map((sample) =>
        sample.contender === contender && sample.scenario === 'flight'
          ? {
              ...sample,
              figures: { ...sample.figures, rate: (sample.figures.rate ?? 1) * (sample.round % 2 ? 1.2 : 0.8) },
            }
          : sample,
      );
    assert.ok(roundsNeeded({ ...quiet, samples: noisy('floor direct') }) > FIRST_ROUNDS);
    assert.equal(roundsNeeded({ ...quiet, samples: noisy('fib-worker direct') }), FIRST_ROUNDS);
  });
});

describe('what is found', () => {
  it('is better, worse, or within ±10 %, everywhere as many times as good as it is', () => {
    for (const [asGood, verdict] of [
      [2, 'better'],
      [0.5, 'worse'],
      [1.01, 'within'],
    ] as const) {
      const { findings, ratio, finding } = findingsOf(knownDocument(asGood));
      const own = findings.filter(({ contender }) => contender === 'fib-worker direct');
      assert.equal(own.length, 12);
      for (const one of own) {
        near(one.value, asGood, 0.02 * asGood);
        assert.equal(one.verdict, verdict, one.claim.name);
        assert.ok((one.interval?.low ?? 9) < asGood && (one.interval?.high ?? 0) > asGood);
      }
      assert.equal(finding('staying', 'fib-worker per-request')?.verdict, 'worse');
      const cell = { scenario: 'flight', level: 64, contender: 'fib-worker direct' };
      near(ratio(cell)?.value, asGood, 0.03 * asGood);
      assert.equal(ratio({ ...cell, contender: 'fib-worker exclusive' }), undefined);
    }
  });

  it('is not settled where rounds are few or far apart', () => {
    const { finding } = findingsOf(knownDocument(1.5, 2));
    assert.deepEqual([finding('life', 'fib-worker direct')?.verdict], ['open']);
    assert.equal(finding('life', 'fib-worker direct')?.interval, undefined);
  });

  it('is paired by round: a drift is in no ratio, and a round that one misses is in none', () => {
    const document = knownDocument(2, 0);
    const samples = [1, 2, 3, 4, 5, 6, 7].flatMap((round) => {
      const place = { scenario: 'flight', level: 1, round };
      return [
        sampleOf({ ...place, contender: 'fib-worker exclusive' }, { rate: 100 * round }),
        ...(round === 4 ? [] : [sampleOf({ ...place, contender: 'fib-worker direct' }, { rate: 200 * round })]),
      ];
    });
    const { ratio } = findingsOf({ ...document, samples });
    const found = ratio({ scenario: 'flight', level: 1, contender: 'fib-worker direct' });
    assert.deepEqual([...(found?.logs.keys() ?? [])], [1, 2, 3, 5, 6, 7]);
    near(found?.interval?.low, 2, 1e-9);
    near(found?.interval?.high, 2, 1e-9);
  });

  it('has the 93.75 % interval of five rounds, the range, and none of four', () => {
    const cell = { scenario: 'flight', level: 1, contender: 'fib-worker direct' };
    const five = findingsOf(knownDocument(2, 5)).ratio(cell);
    assert.equal(five?.interval?.coverage, 0.9375);
    assert.equal(findingsOf(knownDocument(2, 4)).ratio(cell)?.interval, undefined);
    assert.ok((findingsOf(knownDocument(2, 6)).ratio(cell)?.interval?.coverage ?? 0) > 0.95);
  });

  it('pools cells as a geometric mean in each round', () => {
    const document = knownDocument(1, 0);
    const rates: Record<number, number> = { 8: 4, 64: 1, 256: 0.5 };
    const samples = [1, 2, 3].flatMap((round) =>
      Object.entries(rates).flatMap(([level, rate]) => {
        const place = { scenario: 'flight', level: Number(level), round };
        return [
          sampleOf({ ...place, contender: 'fib-worker exclusive' }, { rate: 10 }),
          sampleOf({ ...place, contender: 'fib-worker direct' }, { rate: 10 * rate }),
        ];
      }),
    );
    const { finding } = findingsOf({ ...document, samples });
    near(finding('flight', 'fib-worker direct')?.value, 2 ** (1 / 3), 1e-9);
  });
});
