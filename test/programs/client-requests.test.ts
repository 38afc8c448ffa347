import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { inOrder } from '../../src/programs/client/requests.ts';

async function* numbers(count: number): AsyncGenerator<number> {
  for (let n = 0; n < count; n++) yield n;
}

describe('requests that are asked at once and answered in order', () => {
  it('are as many as the limit allows, and the last answer waits for those before it', async () => {
    let running = 0;
    let most = 0;
    const out: number[] = [];
    const task = async (n: number): Promise<number> => {
      most = Math.max(most, ++running);
      for (let turns = 5 + ((n * 7) % 5); turns > 0; turns--) await turn();
      running--;
      return n;
    };
    await inOrder(numbers(200), 10, task, (n) => void out.push(n));
    assert.deepEqual(
      out,
      Array.from({ length: 200 }, (_, n) => n),
    );
    assert.equal(most, 10);
  });

  it('wait while nobody takes the answers', async () => {
    let asked = 0;
    let release = () => {};
    const reader = new Promise<void>((resolve) => {
      release = resolve;
    });
    const out: number[] = [];
    const done = inOrder(
      numbers(1_000),
      10,
      async (n) => {
        asked++;
        return n;
      },
      (n) => {
        out.push(n);
        return n === 4 ? reader : undefined;
      },
    );
    for (let turns = 0; turns < 100; turns++) await turn();
    assert.deepEqual([asked, out.length], [14, 5]);
    release();
    await done;
    assert.deepEqual([asked, out.length], [1_000, 1_000]);
  });

  it('fail as the first of them or of their output does', async () => {
    const failing = (n: number) => (n === 5 ? Promise.reject(new Error(`task ${n}`)) : Promise.resolve(n));
    await assert.rejects(
      inOrder(numbers(100), 3, failing, () => undefined),
      /task 5/,
    );
    await assert.rejects(
      inOrder(
        numbers(100),
        3,
        (n) => Promise.resolve(n),
        (n) => (n === 7 ? Promise.reject(new Error(`output ${n}`)) : undefined),
      ),
      /output 7/,
    );
  });
});
