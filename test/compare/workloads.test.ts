import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Caller } from '../../src/compare/caller.ts';
import { measure } from '../../src/compare/measure.ts';
import type { Sample } from '../../src/compare/samples.ts';
import { workloads } from '../../src/compare/workloads.ts';
import { RpcError } from '../../src/rpc/errors.ts';

/** Callers that answer as told; it counts what is done with them. */
class Callers {
  opened = 0;
  closed = 0;
  calls = 0;
  inFlight = 0;
  mostInFlight = 0;
  readonly #answer: (call: number) => string | Error;

  constructor(answer: (call: number) => string | Error = () => '832040') {
    this.#answer = answer;
  }

  readonly open = (): Caller => {
    this.opened++;
    let open = true;
    return {
      call: async (request) => {
        assert.ok(open && request === '30');
        this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight);
        const answer = this.#answer(++this.calls);
        await new Promise(setImmediate);
        this.inFlight--;
        if (answer instanceof Error) throw answer;
        return answer;
      },
      discarded: () => (open ? 0 : 1),
      close: async () => {
        if (open) this.closed++;
        open = false;
      },
    };
  };
}

const never = new AbortController().signal;
const calls = (count: number) => ({ time: 0, calls: count });
const failures = [
  '832041',
  new RpcError('DEADLINE_EXCEEDED', 'no reply', { reason: 'TIMEOUT' }),
  new RpcError('UNAVAILABLE', 'lost', { reason: 'CONNECTION_LOST' }),
];

// each with how many calls it has in flight, and how many warm it up
const steady = [
  ['single', workloads.single, 1, 10],
  ['concurrent', workloads.concurrent, 50, 100],
] as const;
const all = [...steady, ['churn', workloads.churn, 1, 2]] as const;

describe('a turn', () => {
  for (const [name, workload, inFlight, warmUp] of steady) {
    it(`of ${name} measures over one connection, ${inFlight} in flight`, async () => {
      const callers = new Callers();
      const { open } = callers;
      const { latencies, measured, unmeasured } = await workload.run({ open, length: calls(120), signal: never });
      assert.equal(latencies.length, 120);
      assert.deepEqual([measured.calls, measured.right, measured.discarded], [120, 120, 1]);
      const rest = warmUp + inFlight - 1; // those under way when it had enough are waited for
      assert.deepEqual([unmeasured.calls, unmeasured.right, unmeasured.discarded], [rest, rest, 0]);
      assert.deepEqual([callers.opened, callers.closed, callers.calls], [1, 1, 120 + rest]);
      assert.equal(callers.mostInFlight, inFlight);
    });
  }

  it('of churn measures whole lives, one after another', async () => {
    const callers = new Callers();
    const { open } = callers;
    const { latencies, measured } = await workloads.churn.run({ open, length: calls(5), signal: never });
    assert.equal(latencies.length, 5);
    assert.deepEqual([measured.calls, measured.discarded], [5, 7]);
    assert.deepEqual([callers.opened, callers.closed, callers.calls, callers.mostInFlight], [7, 7, 7, 1]);
  });

  for (const [name, workload, , warmUp] of all) {
    it(`of ${name} measures for the time it is given, and at least one call`, async () => {
      for (const time of [1, 30]) {
        const callers = new Callers();
        const length = { time, calls: undefined };
        const { elapsed, measured, unmeasured } = await workload.run({ open: callers.open, length, signal: never });
        assert.ok(elapsed >= time && measured.calls > 0);
        assert.equal(measured.calls + unmeasured.calls, callers.calls);
      }
    });

    it(`of ${name} counts wrong replies, timeouts and errors, and times none of them`, async () => {
      const callers = new Callers((call) =>
        call <= warmUp ? '832040' : (failures[(call - warmUp - 1) % 4] ?? '832040'),
      );
      const { latencies, measured } = await workload.run({ open: callers.open, length: calls(8), signal: never });
      const { right, wrong, timeouts, errors, firstFailure } = measured;
      assert.deepEqual([measured.calls, right, wrong, timeouts, errors, latencies.length], [8, 2, 2, 2, 2, 2]);
      assert.equal(firstFailure, 'a reply was "832041", not 832040');
      assert.equal(callers.closed, callers.opened);
    });

    it(`of ${name} ends with its warm-up if nothing is answered, and closes`, async () => {
      const callers = new Callers(() => new Error('nobody there'));
      const turn = workload.run({ open: callers.open, length: calls(1_000), signal: never });
      await assert.rejects(turn, /^Error: none of the \d+ warm-up calls was answered right: nobody there$/);
      await new Promise((resolve) => setTimeout(resolve, 10));
      assert.equal(callers.closed, callers.opened);
      assert.ok(callers.calls <= 200);
    });

    it(`of ${name} rejects with the signal's reason when it is given up, and closes`, async () => {
      const giveUp = new AbortController();
      const callers = new Callers((call) => {
        if (call === 300) giveUp.abort(new Error('enough'));
        return '832040';
      });
      const turn = workload.run({ open: callers.open, length: calls(1_000), signal: giveUp.signal });
      await assert.rejects(turn, /^Error: enough$/);
      assert.equal(callers.closed, callers.opened);
      assert.ok(callers.calls < 400);
    });
  }
});

describe('the rounds', () => {
  it('begin with one of warm-up, and each has every workload with every design', async () => {
    const samples: Sample[] = [];
    const { single, churn } = workloads;
    const open = new Callers().open;
    const plan = {
      designs: ['A', 'B'],
      workloads: { single, churn },
      rounds: 2,
      length: calls(3),
      open,
      signal: never,
    };
    for await (const sample of measure(plan)) samples.push(sample);
    assert.deepEqual(
      samples.map(({ round, workload, design }) => `${round} ${workload} ${design}`),
      [
        ...['0 single A', '0 single B', '0 churn A', '0 churn B'],
        ...['1 single A', '1 single B', '1 churn A', '1 churn B'],
        ...['2 single B', '2 single A', '2 churn B', '2 churn A'],
      ],
    );
    assert.ok(samples.every(({ measured }) => measured.calls === 3));
  });
});
