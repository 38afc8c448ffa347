import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { noProcesses } from '../../test-helpers/processes.ts';
import type { Running } from '../../test-helpers/programs.ts';
import { brokerForFile, minutes, type Stage, underLoad } from './stage.ts';

const broker = brokerForFile();

/** Calls in all: 100,000 from five minutes on. */
const CALLS = minutes > 0 ? Math.min(100_000, minutes * 20_000) : 3_000;
/** How many of a hundred calls have a queue of their own: these cost a hundred times as much. */
const PER_REQUEST = 2;
/** Calls under way. */
const WIDTH = 60;

/** The growth that is allowed between the first fifth of the calls and all of them, in MB: 25 bytes for each of 80,000 calls. */
const HEAP_LIMIT = 2;
/** The same for a worker's resident memory, which holds garbage, too. */
const RESIDENT_LIMIT = 20;
/** Little room for garbage. */
const workerEnv = { NODE_OPTIONS: '--max-semi-space-size=1' };

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

test('memory stays flat over thousands of calls', {
  skip: noProcesses,
}, async (t) => {
  const fault = `no fault, ${CALLS} calls at full speed`;
  const workerArgs = ['--prefetch', '20'];
  const options = { broker: broker(), fault, workers: 2, workerArgs, workerEnv, callsAtOnce: WIDTH };
  let done = false;
  await underLoad(t, options, async (stage) => {
    if (done) return;
    done = true;
    await callMuch(stage, CALLS / 5);
    const before = await memory(stage.workers);
    await callMuch(stage, (CALLS * 4) / 5);
    const now = await memory(stage.workers);
    const grown = now.map((size, index) => size - Number(before[index]));
    t.diagnostic(`MB after a fifth: ${before.map(rounded)}; grown by: ${grown.map(rounded)} (clients' heap; workers)`);
    const [heap = 0, ...workers] = grown;
    assert.ok(heap < HEAP_LIMIT, `the clients' heap grew by ${heap} MB`);
    for (const worker of workers) assert.ok(worker < RESIDENT_LIMIT, `a worker grew by ${worker} MB`);
  });
});

async function callMuch({ load, callers }: Stage, count: number): Promise<void> {
  const perRequest = callers.filter(({ name }) => name.startsWith('per-request'));
  const others = callers.filter((caller) => !perRequest.includes(caller));
  let next = 0;
  const run = async () => {
    while (next < count) {
      const n = next++;
      const those = n % 100 < PER_REQUEST ? perRequest : others;
      const caller = those[n % those.length];
      if (caller) await load.call(caller, n % 100);
    }
  };
  await Promise.all(Array.from({ length: WIDTH }, run));
}

/** The heap of this process, where the clients are, and the resident memory of each worker, in MB. */
async function memory(workers: readonly Running[]): Promise<number[]> {
  collectGarbage();
  const { heapUsed } = process.memoryUsage();
  const resident = workers.map(async ({ child }) => {
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1_024;
  });
  return [heapUsed / 1_048_576, ...(await Promise.all(resident))];
}

function rounded(megabytes: number): string {
  return megabytes.toFixed(1);
}
