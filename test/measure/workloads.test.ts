import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Outcomes } from '../../src/measure/attempt.ts';
import { CallTimeout } from '../../src/measure/implementation.ts';
import { measure, type Plan, type Step, turnsOf } from '../../src/measure/measure.ts';
import type { Turn } from '../../src/measure/turn.ts';
import { LevelOutOfReach } from '../../src/measure/workloads/clients.ts';
import { type Workload, workloads } from '../../src/measure/workloads/index.ts';
import { openLoop } from '../../src/measure/workloads/open-loop.ts';
import { Callers, rightAnswer } from '../../test-helpers/measure/known-samples.ts';

const never = new AbortController().signal;
const calls = (count: number) => ({ time: 0, calls: count });
const failures = ['832041', new CallTimeout(), new Error('lost')];

/** A turn of these callers. */
function turnOf(callers: Callers, changes: Partial<Turn> = {}): Turn {
  return {
    open: callers.open,
    length: calls(5),
    connected: async () => {},
    watchMemory: async () => undefined,
    signal: never,
    ...changes,
  };
}

// each closed loop with its level, how many calls it then has in flight, and how many warm it up
const closed: [string, Workload, number, number, number][] = [
  ['single', workloads.single, 1, 1, 12],
  ['sweep', workloads.sweep, 50, 50, 110],
  ['churn', workloads.churn, 1, 1, 2],
];

describe('a turn', () => {
  for (const [name, workload, level, inFlight, warmUp] of closed.slice(0, 2)) {
    it(`of ${name} measures over one connection, ${inFlight} in flight`, async () => {
      const callers = new Callers();
      const { latencies, measured, unmeasured } = await workload.run(turnOf(callers, { length: calls(120) }), level);
      assert.equal(latencies.length, 120);
      assert.deepEqual([measured.calls, measured.right, measured.discarded], [120, 120, 1]);
      const rest = warmUp + inFlight - 1; // those under way when it had enough are waited for
      assert.deepEqual([unmeasured.calls, unmeasured.right, unmeasured.discarded], [rest, rest, 0]);
      assert.deepEqual([callers.opened, callers.closed, callers.calls], [1, 1, 120 + rest]);
      assert.equal(callers.mostInFlight, inFlight);
    });
  }

  it('of churn measures whole lives, one after another, of so many calls', async () => {
    const callers = new Callers();
    const { latencies, measured } = await workloads.churn.run(turnOf(callers), 10);
    assert.equal(latencies.length, 5);
    assert.deepEqual([measured.calls, measured.discarded], [5, 7]);
    assert.deepEqual([callers.opened, callers.closed, callers.calls, callers.mostInFlight], [7, 7, 70, 1]);
  });

  it('of clients connects them all, looks at the broker, and then calls round robin', async () => {
    const callers = new Callers();
    const seen: number[] = [];
    const connected = async (clients: number) => {
      assert.equal(callers.closed, 0);
      seen.push(clients);
    };
    const turn = turnOf(callers, { length: calls(60), connected });
    const { measured, unmeasured, others } = await workloads.clients.run(turn, 30);
    assert.deepEqual([callers.opened, callers.closed, callers.calls], [30, 30, 90]);
    assert.deepEqual([unmeasured.right, measured.right, measured.discarded], [30, 60, 30]);
    assert.deepEqual(seen, [30]);
    assert.ok((others?.setUp ?? 0) > 0);
  });

  it('of clients is out of reach if one of them can’t connect, and closes the others', async () => {
    const callers = new Callers((call, request) => (call > 20 ? new Error('too many') : rightAnswer(call, request)));
    await assert.rejects(
      workloads.clients.run(turnOf(callers), 30),
      (error) => error instanceof LevelOutOfReach && error.message === 'of 30 clients 20 connected: too many',
    );
    assert.equal(callers.closed, callers.opened);
  });

  it('of clients goes on if one in fifty gets no reply to its first call, and not if more do', async () => {
    const lost = (which: (call: number) => boolean) =>
      new Callers((call, request) => (which(call) ? new CallTimeout() : rightAnswer(call, request)));
    const { unmeasured } = await workloads.clients.run(turnOf(lost((call) => call === 7 || call === 8)), 100);
    assert.deepEqual([unmeasured.right, unmeasured.timeouts], [98, 2]);
    const tooMany = turnOf(lost((call) => call > 5 && call < 9));
    await assert.rejects(workloads.clients.run(tooMany, 100), LevelOutOfReach);
  });

  it('of burst sends all at once and tells how long it took to recover, and how far the memory grew', async () => {
    const callers = new Callers();
    let stopped = 0;
    const stop = async () => {
      stopped++;
      return 12_345;
    };
    const turn = turnOf(callers, { watchMemory: async () => ({ stop }) });
    const { measured, others, elapsed } = await workloads.burst.run(turn, 40);
    assert.equal(callers.mostInFlight, 40);
    assert.deepEqual([measured.calls, measured.right], [40, 40]);
    assert.ok((others?.recovery ?? 0) > 0 && Number.isNaN(elapsed) && stopped > 0);
    assert.equal(others?.peakMemory, 12_345);
  });

  it('of payload asks for replies of that size, and does not take others for right', async () => {
    const callers = new Callers((call, request) => rightAnswer(call, call > 40 ? 'bytes:999' : request));
    const { measured } = await workloads.payload.run(turnOf(callers, { length: calls(30) }), 1_000);
    assert.ok(measured.wrong > 0 && measured.right > 0);
    assert.match(measured.firstFailure ?? '', /^the reply to bytes:1000 was "x{40}" \(999 bytes\), not the 1000 bytes/);
  });

  for (const [name, workload, level, , warmUp] of closed) {
    it(`of ${name} measures for the time it is given, and at least three calls`, async () => {
      for (const time of [1, 30]) {
        const callers = new Callers();
        const turn = turnOf(callers, { length: { time, calls: undefined } });
        const { elapsed, measured, unmeasured } = await workload.run(turn, level);
        assert.ok(elapsed >= time && measured.calls >= 3);
        assert.equal(measured.calls + unmeasured.calls, callers.calls);
      }
    });

    it(`of ${name} counts wrong replies, timeouts and errors, and times none of them`, async () => {
      const callers = new Callers((call) =>
        call <= warmUp ? '832040' : (failures[(call - warmUp - 1) % 4] ?? '832040'),
      );
      const { latencies, measured } = await workload.run(turnOf(callers, { length: calls(8) }), level);
      const { right, wrong, timeouts, errors, firstFailure } = measured;
      assert.deepEqual([measured.calls, right, wrong, timeouts, errors, latencies.length], [8, 2, 2, 2, 2, 2]);
      assert.equal(firstFailure, 'the reply to 30 was "832041" (6 bytes), not the 6 bytes expected');
      assert.equal(callers.closed, callers.opened);
    });

    it(`of ${name} ends with its warm-up if nothing is answered, and closes`, async () => {
      const callers = new Callers(() => new Error('nobody there'));
      const { latencies, measured } = await workload.run(turnOf(callers, { length: calls(1_000) }), level);
      assert.deepEqual([latencies.length, measured.right, measured.errors], [0, 0, callers.calls]);
      assert.equal(measured.firstFailure, 'nobody there');
      assert.equal(callers.closed, callers.opened);
      assert.ok(callers.calls <= 220);
    });

    it(`of ${name} rejects with the signal's reason when it is given up, and closes`, async () => {
      const giveUp = new AbortController();
      const callers = new Callers((call) => {
        if (call === 300) giveUp.abort(new Error('enough'));
        return '832040';
      });
      const turn = workload.run(turnOf(callers, { length: calls(1_000), signal: giveUp.signal }), level);
      await assert.rejects(turn, /^Error: enough$/);
      assert.equal(callers.closed, callers.opened);
      assert.ok(callers.calls < 400);
    });
  }
});

describe('an open loop', () => {
  it('sends whether or not the calls before were answered, and charges them from when they were due', async () => {
    const outcomes = new Outcomes();
    let open = 0;
    let most = 0;
    // nothing is answered before the last call is sent: a closed loop would never send the second
    let answer = () => {};
    const all = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const elapsed = await openLoop(
      {
        rate: 100,
        calls: 10,
        call: async (i) => {
          most = Math.max(most, ++open);
          if (i === 9) answer();
          await all;
        },
      },
      outcomes,
      never,
    );
    assert.equal(most, 10);
    assert.ok(elapsed >= 90, `${elapsed}`);
    const [first = 0] = outcomes.latencies;
    assert.ok(first >= 90 && Math.max(...outcomes.latencies) === first, outcomes.latencies.join());
  });

  it('charges calls that it could not send in time', async () => {
    const outcomes = new Outcomes();
    const block = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
    const call = async (i: number) => {
      if (i === 0) block();
    };
    await openLoop({ rate: 100, calls: 3, call }, outcomes, never);
    const [first = 0, second = 0] = outcomes.latencies;
    assert.ok(first >= 100 && second >= 90, outcomes.latencies.join());
  });

  it('rejects with the signal’s reason when it is given up', async () => {
    const giveUp = new AbortController();
    const call = async (i: number) => {
      if (i === 2) giveUp.abort(new Error('enough'));
    };
    await assert.rejects(openLoop({ rate: 50, calls: 1_000, call }, new Outcomes(), giveUp.signal), /^Error: enough$/);
  });
});

describe('the rounds', () => {
  const contenders = (['exclusive', 'direct'] as const).map((design) => ({ implementation: 'floor', design }));
  const planOf = (changes: Partial<Plan>): Plan => ({
    contenders,
    workloads: {},
    rounds: 2,
    length: calls(3),
    open: new Callers().open,
    readBroker: undefined,
    watchMemory: async () => undefined,
    signal: never,
    ...changes,
  });
  const steps = async (plan: Plan) => {
    const found: Step[] = [];
    for await (const step of measure(plan)) found.push(step);
    return found;
  };
  const said = (step: Step) =>
    step.kind === 'sample'
      ? `${step.sample.round} ${step.sample.workload} ${step.sample.level} ${step.sample.design}`
      : `${step.limit.workload} ${step.limit.level} ${step.limit.why}`;

  it('begin with one of warm-up, and each has every workload at every level with every contender', async () => {
    const { single } = workloads;
    const churn = { ...workloads.churn, levels: [1, 2] };
    const plan = planOf({ workloads: { single, churn } });
    const found = await steps(plan);
    const round = (n: number, ...order: string[]) =>
      ['single 1', 'churn 1', 'churn 2'].flatMap((at) => order.map((design) => `${n} ${at} ${design}`));
    assert.deepEqual(found.map(said), [
      ...round(0, 'exclusive', 'direct'),
      ...round(1, 'exclusive', 'direct'),
      ...round(2, 'direct', 'exclusive'),
    ]);
    assert.equal(turnsOf(plan), found.length);
  });

  it('leave out what is worth fewer rounds, and its warm-up', async () => {
    const rare = { ...workloads.single, rounds: () => 1 };
    const plan = planOf({ workloads: { rare }, rounds: 3 });
    const found = await steps(plan);
    assert.deepEqual(found.map(said), ['1 rare 1 exclusive', '1 rare 1 direct']);
    assert.equal(turnsOf(plan), 2);
  });

  it('go on after a turn in which nothing was answered, and end after six of them in a row', async () => {
    const { single } = workloads;
    let answered = 0;
    const { open } = new Callers(() => (++answered > 12 && answered < 200 ? '832040' : new Error('nobody there')));
    const [first, second] = await steps(planOf({ workloads: { single }, rounds: 1, open }));
    assert.ok(first?.kind === 'sample' && second?.kind === 'sample');
    assert.deepEqual([first.sample.measured.errors, second.sample.measured.right], [12, 3]);
    const nobody = new Callers(() => new Error('nobody there')).open;
    await assert.rejects(
      steps(planOf({ workloads: { single }, rounds: 9, open: nobody })),
      /^Error: none of the calls of 6 turns in a row was answered right: nobody there$/,
    );
  });

  it('end a sweep where it is out of reach, once and for all, and go on with the rest', async () => {
    const clients = { ...workloads.clients, levels: [1, 2, 3] };
    let open = 0;
    const { open: openOne } = new Callers();
    const limited = () => {
      const caller = openOne();
      let counted = false;
      return {
        ...caller,
        call: async (request: string, signal: AbortSignal) => {
          if (!counted) open++;
          counted = true;
          if (open > 1) throw new Error('no more');
          return caller.call(request, signal);
        },
        close: async () => {
          if (counted) open--;
          counted = false;
          await caller.close();
        },
      };
    };
    const found = await steps(planOf({ workloads: { clients, single: workloads.single }, rounds: 1, open: limited }));
    assert.deepEqual(
      found.map(said).filter((text) => text.startsWith('clients') || text.includes('clients')),
      [
        '0 clients 1 exclusive',
        '0 clients 1 direct',
        'clients 2 of 2 clients 1 connected: no more',
        '1 clients 1 exclusive',
        '1 clients 1 direct',
      ],
    );
    assert.equal(found.filter((step) => said(step).includes('single')).length, 4);
  });

  it('tell what the broker held while clients were connected, and what it did for each call', async () => {
    const zero = { connections: 5, channels: 0, processes: 100, processMemory: 1_000 };
    const counters = { connectionsOpened: undefined, queuesDeclared: 10, queuesCreated: 7, queuesDeleted: 6 };
    const readings = [
      { ...zero, ...counters },
      { ...zero, ...counters, connections: 7, processMemory: 900, queuesCreated: 9 },
      { ...zero, ...counters, connections: 6, queuesDeclared: 40, queuesCreated: 9 }, // not yet tidied up
      { ...zero, ...counters, queuesDeclared: 40, queuesCreated: 9, queuesDeleted: 8 },
    ];
    let read = 0;
    const readBroker = async () => readings[read++ % readings.length];
    const single = { ...workloads.single, rounds: () => 1 };
    const [first] = await steps(planOf({ workloads: { single }, readBroker }));
    assert.equal(first?.kind, 'sample');
    const { broker, measured, unmeasured } = first.sample;
    assert.deepEqual(broker, {
      clients: 1,
      connections: 2,
      channels: 0,
      queues: 2,
      processes: 0,
      memory: -100,
      queuesDeclared: 30 / (measured.calls + unmeasured.calls),
      queuesDeleted: 2 / (measured.calls + unmeasured.calls),
    });
  });
});
