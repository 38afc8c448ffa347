import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Contender } from '../../src/measure/document/document.ts';
import { type Driven, drive, type Plan } from '../../src/measure/engine/drive.ts';
import { LevelOutOfReach, type Measurement, type Scenario, type Turn } from '../../src/measure/engine/scenario.ts';
import { turnOrder } from '../../src/measure/engine/turn-order.ts';

const contenders: readonly Contender[] = ['A', 'B', 'C'].map((name) => ({ name, implementation: name, detail: '' }));

function measurement(changes: Partial<Measurement> = {}): Measurement {
  const measured = { calls: 3, failed: 0, timeouts: 0, firstFailure: undefined };
  return { latencies: [1, 2, 3], elapsed: 6, figures: { rate: 500, p50: 2 }, measured, discarded: 0, ...changes };
}

function scenario(changes: Partial<Scenario> = {}): Scenario {
  return {
    name: 'one',
    title: 'one',
    detail: '',
    unit: '',
    levels: [1],
    levelTitle: String,
    headline: 'rate',
    figures: ['rate'],
    run: async () => measurement(),
    ...changes,
  };
}

const run = (plan: Partial<Plan> = {}): Promise<Driven> =>
  drive({
    scenarios: [scenario()],
    contenders,
    length: { time: 10, calls: undefined },
    rounds: 3,
    turn: (contender) => ({ contender }) as Turn,
    signal: new AbortController().signal,
    ...plan,
  });

describe('the driver', () => {
  it('has every contender at every level next to each other in each round, in the order of a Williams design', async () => {
    const { samples } = await run({ scenarios: [scenario({ levels: [1, 2] }), scenario({ name: 'two' })] });
    assert.deepEqual(
      samples.map(({ order }) => order),
      samples.map((_, index) => index),
    );
    const said = samples.map(({ scenario: name, level, round, contender }) => [name, level, round, contender]);
    const wanted = [1, 2, 3].flatMap((round) =>
      [['one', 1] as const, ['one', 2] as const, ['two', 1] as const].flatMap(([name, level]) =>
        turnOrder(['A', 'B', 'C'], round).map((contender) => [name, level, round, contender]),
      ),
    );
    assert.deepEqual(said, wanted);
  });

  it('leaves the warm-up out, which is as long as thirty turns, and keeps no figure that the scenario does not name', async () => {
    const lengths: number[] = [];
    const { samples } = await run({
      rounds: 1,
      turn: (contender, { time }) => {
        lengths.push(time);
        return { contender } as Turn;
      },
    });
    assert.deepEqual(lengths, [300, 300, 300, 10, 10, 10]);
    assert.equal(samples.length, 3);
    for (const { figures, calls, elapsed, start, took } of samples) {
      assert.deepEqual([figures, calls, elapsed], [{ rate: 500 }, 3, 6]);
      assert.ok(start >= 0 && took >= 0);
    }
  });

  it('keeps the times of all calls of all rounds, by cell', async () => {
    const { latencies } = await run({ rounds: 2 });
    assert.equal(latencies.size, 3);
    for (const times of latencies.values()) assert.deepEqual(times, [1, 2, 3, 1, 2, 3]);
  });

  it('gives fewer rounds, without warm-up, to a level or a contender that has no more', async () => {
    const taken: string[] = [];
    const few = scenario({
      levels: [1, 9],
      rounds: (level) => (level === 9 ? 1 : 5),
      run: async ({ contender }, level) => {
        taken.push(`${contender.name}${level}`);
        return measurement();
      },
    });
    await run({ scenarios: [few], rounds: 3, roundsOf: ({ name }) => (name === 'C' ? 2 : undefined) });
    const count = (which: string) => taken.filter((one) => one === which).length;
    assert.deepEqual([count('A1'), count('A9'), count('C1'), count('C9')], [3, 1, 2, 1]);
  });

  it('decides once, after the first rounds, how many there are', async () => {
    const asked: number[] = [];
    const { samples } = await run({
      decide: (known) => {
        asked.push(known.length);
        return 5;
      },
    });
    assert.deepEqual(asked, [9]);
    assert.equal(samples.at(-1)?.round, 5);
    const less = await run({ decide: () => 1 });
    assert.equal(less.samples.at(-1)?.round, 3, 'rounds that were measured are not taken back');
  });

  it('begins no round when the time is over, but measures one', async () => {
    const { samples, failure } = await run({ until: performance.now() - 1 });
    assert.deepEqual([samples.at(-1)?.round, failure], [1, undefined]);
  });

  it('ends a scenario below the level that is out of reach, and says why', async () => {
    const steep = scenario({
      levels: [1, 2, 3],
      run: async (_, level) => {
        if (level === 2) throw new LevelOutOfReach('too many');
        return measurement();
      },
    });
    const { samples, outOfReach } = await run({ scenarios: [steep, scenario({ name: 'two' })] });
    assert.deepEqual(outOfReach.get('one'), { level: 2, why: 'too many' });
    assert.deepEqual(
      new Set(samples.map(({ scenario: name, level }) => `${name} ${level}`)),
      new Set(['one 1', 'two 1']),
    );
  });

  it('keeps what it has when it is interrupted, when a turn fails, and when nothing is answered any more', async () => {
    const stop = new AbortController();
    const stopping = scenario({
      run: async ({ contender }) => {
        if (contender.name === 'C') stop.abort(new Error('enough'));
        return measurement();
      },
    });
    const interrupted = await run({ scenarios: [stopping], signal: stop.signal, rounds: 3 });
    assert.equal(interrupted.failure?.message, 'enough');
    let turns = 0;
    const breaking = scenario({
      run: async () => {
        if (++turns > 8) throw new Error('broken');
        return measurement();
      },
    });
    const broken = await run({ scenarios: [breaking] });
    assert.deepEqual([broken.failure?.message, broken.samples.length], ['broken', 5]);
    const measured = { calls: 2, failed: 2, timeouts: 2, firstFailure: 'no reply' };
    const hopeless = await run({ scenarios: [scenario({ run: async () => measurement({ measured }) })] });
    assert.match(
      hopeless.failure?.message ?? '',
      /^none of the calls of 6 turns in a row was answered right: no reply$/,
    );
  });
});
