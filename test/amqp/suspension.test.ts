import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { watchForSuspension } from '../../src/amqp/suspension.ts';

test('a process that stood still is told so when it goes on, once, and not after it stopped watching', async () => {
  const told: number[] = [];
  const stop = watchForSuspension(1_100, (stoodStill) => told.push(stoodStill));
  const standStill = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  standStill(1_200);
  while (told.length === 0) await sleep(10);
  assert.ok(Number(told[0]) >= 1_200 - 5, `${told}`);
  stop();
  standStill(1_200);
  await sleep(10);
  assert.equal(told.length, 1);
});
