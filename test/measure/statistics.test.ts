import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { median, medianInterval, percentile } from '../../src/measure/analysis/statistics.ts';
import { balancedRounds, turnOrder } from '../../src/measure/engine/turn-order.ts';

const oneTo = (n: number) => Array.from({ length: n }, (_, index) => index + 1);
const shuffled = [7, 2, 12, 4, 9, 1, 11, 6, 3, 10, 5, 8];

describe('the median', () => {
  it('is the middle value, or the mean of the middle two, in any order of the values', () => {
    assert.equal(median([5]), 5);
    assert.equal(median([9, 1, 5]), 5);
    assert.equal(median([10, 1, 2, 4]), 3);
    assert.equal(median(shuffled), 6.5);
  });

  it('of nothing is no number', () => assert.ok(Number.isNaN(median([]))));
});

describe('a percentile', () => {
  it('is the nearest rank', () => {
    assert.equal(percentile(shuffled, 50), 6);
    assert.equal(percentile(oneTo(300), 99), 297);
    assert.equal(percentile(oneTo(100), 90), 90);
    assert.equal(percentile(oneTo(30), 99), 30);
    assert.equal(percentile([4], 50), 4);
  });

  it('of nothing is no number', () => assert.ok(Number.isNaN(percentile([], 99))));
});

describe('the interval of a median', () => {
  it('goes from the k-th smallest to the k-th largest value, with k and coverage out of the binomial tables', () => {
    // n, k, coverage in %: 1 − 2 P(Bin(n, 1/2) < k)
    for (const [n, k, coverage] of [
      [6, 1, 96.88],
      [8, 1, 99.22],
      [9, 2, 96.09],
      [12, 3, 96.14],
      [20, 6, 95.86],
      [30, 10, 95.72],
    ] as const) {
      const interval = medianInterval(oneTo(n), 0.95);
      assert.deepEqual([interval?.rank, interval?.low, interval?.high], [k, k, n + 1 - k], `n = ${n}`);
      assert.equal(((interval?.coverage ?? 0) * 100).toFixed(2), coverage.toFixed(2), `n = ${n}`);
    }
  });

  it('does not depend on the order of the values', () => {
    assert.deepEqual(medianInterval(shuffled, 0.95), medianInterval(oneTo(12), 0.95));
  });

  it('is undefined where even the whole range is not sure enough', () => {
    for (const n of [0, 1, 2, 5]) assert.equal(medianInterval(oneTo(n), 0.95), undefined);
    assert.equal(medianInterval(oneTo(5), 0.9)?.rank, 1);
  });

  it('has a coverage also of many values', () => {
    const interval = medianInterval(oneTo(1_000), 0.95);
    assert.equal(interval?.rank, 469);
    assert.ok(interval.coverage >= 0.95 && interval.coverage < 0.96);
  });
});

describe('the order of the designs', () => {
  const orders = oneTo(6).map((round) => turnOrder(['A', 'B', 'C'], round).join(''));

  it('is turned round in every second round', () => assert.deepEqual(orders.slice(0, 2), ['ABC', 'CBA']));

  it('over six rounds gives each of three every place twice, and each other one twice to follow', () => {
    assert.deepEqual([...orders].sort(), ['ABC', 'ACB', 'BAC', 'BCA', 'CAB', 'CBA']);
    assert.equal(turnOrder(['A', 'B', 'C'], 7).join(''), 'ABC');
  });

  for (const n of [2, 3, 5, 6, 7, 12]) {
    it(`over ${balancedRounds(n)} rounds puts each of ${n} at each place, and right after each other one, equally often`, () => {
      const names = oneTo(n);
      const rounds = oneTo(balancedRounds(n)).map((round) => turnOrder(names, round));
      const places = counts(rounds.flatMap((order) => order.map((name, place) => `${name} at ${place}`)));
      const followers = counts(rounds.flatMap((order) => order.slice(1).map((name, i) => `${name} after ${order[i]}`)));
      assert.deepEqual([...new Set(places.values())], [balancedRounds(n) / n]);
      assert.equal(places.size, n * n);
      assert.deepEqual([...new Set(followers.values())], [balancedRounds(n) / n]);
      assert.equal(followers.size, n * (n - 1));
    });
  }

  it('leaves its argument alone', () => {
    const designs = ['A', 'B'];
    turnOrder(designs, 2);
    assert.deepEqual(designs, ['A', 'B']);
  });
});

function counts(values: readonly string[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const value of values) found.set(value, (found.get(value) ?? 0) + 1);
  return found;
}
