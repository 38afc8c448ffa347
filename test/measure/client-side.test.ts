import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CallTimeout } from '../../src/measure/contenders/implementation.ts';
import { Outcomes } from '../../src/measure/engine/attempt.ts';
import { type ClientResult, type ClientTask, clientSide } from '../../src/measure/engine/client-side.ts';
import { closedLoop } from '../../src/measure/engine/closed-loop.ts';
import { openLoop } from '../../src/measure/engine/open-loop.ts';
import { Callers, rightAnswer } from '../../test-helpers/measure/callers.ts';

const calls = (count: number) => ({ time: 0, calls: count });

/** A turn of these callers: warms up with N calls, measures, disconnects. */
async function turnOf(
  callers: Callers,
  task: ClientTask,
  length = calls(50),
  warmUp = 10,
): Promise<Partial<ClientResult> & { failure?: string; open?: number; discarded: number }> {
  const side = clientSide(callers.implementation, 'direct', { url: '', tls: undefined });
  const failure = await side.prepare({ task, queue: 'q', warmUp });
  if (failure !== undefined) return { failure, discarded: await side.release() };
  const result = await side.measure(length);
  const open = callers.opened - callers.closed;
  return { ...result, open, discarded: await side.release() };
}

describe('a turn of clients', () => {
  it('keeps a loop full over one connection, and leaves filling and draining out of the figures', async () => {
    const callers = new Callers();
    const turn = await turnOf(callers, { kind: 'loop', inFlight: 20 }, calls(120), 30);
    assert.equal(turn.latencies?.length, 120);
    assert.equal(turn.measured?.calls, 120);
    // one for each in flight fills the loop, and those under way when it had enough are waited for
    assert.equal(turn.calls, 20 + 120 + 19);
    assert.deepEqual([callers.opened, callers.closed, callers.mostInFlight], [1, 1, 20]);
    assert.deepEqual([turn.open, turn.connected, turn.discarded], [1, 1, 1]);
  });

  it('asks for replies of a size, and takes no other for right', async () => {
    const callers = new Callers((call, request) => rightAnswer(call, call > 40 ? 'bytes:9' : request));
    const { measured } = await turnOf(callers, { kind: 'loop', inFlight: 1, bytes: 100 });
    assert.ok((measured?.failed ?? 0) > 0 && (measured?.failed ?? 50) < 50);
    assert.match(measured?.firstFailure ?? '', /^the reply to bytes:100 was "x{9}" \(9 bytes\), not the 100 bytes/);
  });

  it('of lives tells what a caller waits for and the closing apart, and leaves no client', async () => {
    const callers = new Callers();
    const { latencies, figures, connected } = await turnOf(callers, { kind: 'lives', calls: 10 }, calls(5));
    assert.equal(latencies?.length, 5);
    assert.ok((figures?.reply ?? 0) > 0 && (figures?.close ?? -1) >= 0);
    assert.equal(connected, 0);
    assert.equal(callers.opened, callers.closed);
    assert.equal(callers.calls, 10 * callers.opened);
  });

  it('of growing numbers makes ten times as many calls at last, all at once, and leaves no client', async () => {
    const callers = new Callers();
    const turn = await turnOf(callers, { kind: 'growth', calls: 30, oneSignal: true }, calls(30));
    assert.deepEqual([turn.measured?.calls, turn.measured?.failed], [(2 + 5 + 10) * 30, 0]);
    assert.equal(callers.mostInFlight, 300);
    assert.ok((turn.figures?.growth ?? 0) > 0);
    assert.deepEqual([turn.latencies, turn.open, callers.opened], [[], 0, 7]);
  });

  it('of many clients connects them all, and calls round robin', async () => {
    const callers = new Callers();
    const { measured, figures, open, discarded } = await turnOf(callers, { kind: 'many', clients: 30 }, calls(60));
    assert.deepEqual([callers.opened, open, discarded, callers.calls], [30, 30, 30, 90]);
    assert.equal(measured?.calls, 60);
    assert.ok((figures?.setUp ?? 0) > 0);
  });

  it('of many clients is out of reach if one can’t connect, or more than one in fifty gets no reply', async () => {
    const failing = (which: (call: number) => boolean, why: Error) =>
      new Callers((call, request) => (which(call) ? why : rightAnswer(call, request)));
    const refused = await turnOf(
      failing((call) => call > 20, new Error('too many')),
      { kind: 'many', clients: 30 },
    );
    assert.equal(refused.outOfReach, 'of 30 clients 20 connected: too many');
    assert.equal(refused.discarded, refused.open, 'all that were opened are closed');
    const two = await turnOf(
      failing((call) => call === 7 || call === 8, new CallTimeout()),
      { kind: 'many', clients: 100 },
    );
    assert.equal(two.outOfReach, undefined);
    const three = await turnOf(
      failing((call) => call > 5 && call < 9, new CallTimeout()),
      { kind: 'many', clients: 100 },
    );
    assert.match(three.outOfReach ?? '', /no reply within/);
  });

  it('of a burst sends all at once, and tells how long it took to recover', async () => {
    const callers = new Callers();
    const { measured, figures, elapsed } = await turnOf(callers, { kind: 'burst', calls: 40, bytes: 10 });
    assert.equal(callers.mostInFlight, 40);
    assert.equal(measured?.calls, 40);
    assert.ok((figures?.recovery ?? 0) > 0 && Number.isNaN(elapsed));
  });

  it('says why if none of its calls was answered, and disconnects', async () => {
    const callers = new Callers(() => new Error('lost'));
    const { failure } = await turnOf(callers, { kind: 'loop', inFlight: 3 });
    assert.equal(failure, 'lost');
    assert.equal(callers.opened, callers.closed);
  });
});

describe('a closed loop', () => {
  it('measures for the time it is given, until two calls for each in flight have ended, and at least three', async () => {
    for (const [inFlight, least] of [
      [1, 3],
      [20, 40],
    ] as const) {
      const call = () => new Promise<void>(setImmediate);
      const { measured, elapsed } = await closedLoop(inFlight, { time: 20, calls: undefined }, call);
      assert.ok(elapsed >= 20 && measured.calls >= least);
      const short = await closedLoop(inFlight, { time: 0, calls: undefined }, call);
      assert.ok(short.measured.calls >= least, `${short.measured.calls} calls`);
    }
  });

  it('counts failures, and tells the first', async () => {
    const errors = [new CallTimeout(), new Error('lost')];
    let made = 0;
    const { measured } = await closedLoop(1, calls(4), async () => {
      await new Promise(setImmediate);
      throw errors[made++ % 2];
    });
    assert.deepEqual(measured.tally, { calls: 4, failed: 4, timeouts: 2, firstFailure: 'lost' });
  });
});

describe('an open loop', () => {
  it('times each call from when it was due, even if those before it have not settled', async () => {
    const outcomes = new Outcomes();
    let busy = true;
    const call = async (i: number) => {
      if (i !== 0) return;
      // the client stands still: those that were due meanwhile are charged for it
      const until = performance.now() + 60;
      while (performance.now() < until);
      busy = false;
    };
    await openLoop({ rate: 200, calls: 10, call }, outcomes);
    assert.equal(busy, false);
    const charged = outcomes.latencies.filter((latency) => latency > 10);
    assert.ok(charged.length >= 8, `${outcomes.latencies}`);
  });
});
