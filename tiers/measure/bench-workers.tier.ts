import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { measureCrews } from '../../src/measure/bench/scaling.ts';
import { start } from '../../test-helpers/programs.ts';

/** A crew without a broker: a call takes `time` ms; of each it keeps how many were under way. */
function crew(workers: number, prefetch: number, time: number) {
  let underWay = 0;
  const seen: number[] = [];
  const call = async () => {
    seen.push(++underWay);
    await sleep(time);
    underWay--;
  };
  return { workers, prefetch, call, seen };
}

const plan = { rounds: 2, turn: 50, signal: new AbortController().signal };

test('a crew is kept busy: as much is under way as all its workers may hold, and as much again', async () => {
  const [one, four] = [crew(1, 1, 5), crew(2, 3, 5)];
  const rates = await measureCrews([one, four], plan);
  assert.deepEqual([Math.max(...one.seen), Math.max(...four.seen)], [2, 12]);
  for (const measured of [one, four]) {
    const [first = 0, second = 0, ...more] = rates.get(measured) ?? [];
    assert.ok(first > 0 && second > 0);
    assert.deepEqual(more, []);
  }
});

test('a call that fails ends the measurement', async () => {
  const failing = { workers: 1, prefetch: 1, call: () => Promise.reject(new Error('no reply')) };
  await assert.rejects(measureCrews([failing], plan), /no reply/);
});

test('bench-workers.js sets so many workers beside one, and says on what machine', async (t) => {
  const args = ['--n', '20', '--workers', '1,2', '--prefetch', '1', '--rounds', '2', '--turn', '50ms'];
  const { code, stdout, stderr } = await start(t, 'bench-workers.js', args).end();
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^prefetch +workers +calls\/s +to 1 .*\n1 +1 +[\d.,]+\n1 +2 +[\d.,]+ +[\d.]+ ×\n/);
  assert.match(stdout, /medians of 2 interleaved rounds; fib\(20\), recursive; .*cores/);
});
