import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { connect } from '../../src/amqp/dial.ts';
import { parseAmqpUrl } from '../../src/amqp/url.ts';
import type { Design, Target } from '../../src/measure/contenders/implementation.ts';
import type { WireEntry } from '../../src/measure/document/document.ts';
import { CountingProxy } from '../../src/measure/wire/counting-proxy.ts';
import { DelayProxy } from '../../src/measure/wire/delay-proxy.ts';
import type { Endpoint } from '../../src/measure/wire/loopback.ts';
import { measureWire } from '../../src/measure/wire/measure-wire.ts';
import { throughProxy } from '../../src/measure/wire/through-proxy.ts';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { library } from '../../test-helpers/library.ts';
import { deadUrl } from '../../test-helpers/programs.ts';
import { startWorker, testQueue } from '../../test-helpers/rpc.ts';

/** A queue that a worker serves, with this answer to everything. */
async function served(t: TestContext, answer = '832040'): Promise<Target> {
  const queue = await testQueue(t);
  await startWorker(t, () => answer, { queue });
  return { url: amqpUrl(), tls: undefined, queue };
}

/** The library with each design, or another one that opens its callers. */
const openers = (open: typeof library.open = library.open) =>
  library.designs.map((design) => ({ contender: design, open: (to: Target) => open(design, to) }));

const counted = (entries: readonly WireEntry[]) =>
  entries.map(({ contender, ...phases }) => [
    contender,
    ...Object.values({ setUp: phases.setUp, call: phases.call, teardown: phases.teardown }).map(
      ({ framesOut, framesIn, roundTrips }) => ({ framesOut, framesIn, roundTrips }),
    ),
  ]);

describe('the wire cost', { concurrency: true }, () => {
  it('of the library is exactly this, and the same each time it is counted', async (t) => {
    const options = { openers: openers(), target: await served(t), signal: t.signal };
    const wire = await measureWire(options);
    assert.deepEqual(counted(wire.entries), [
      [
        'per-request',
        // the protocol header, start-ok, tune-ok and open, channel.open; TCP is the fifth round trip
        { framesOut: 5, framesIn: 4, roundTrips: 5 },
        // declare, consume, and the request and its reply, three frames each; then, while nobody waits, delete, delete-ok,
        // and the broker's basic.cancel, for the consumer's queue is gone
        { framesOut: 6, framesIn: 7, roundTrips: 3 },
        // the connection, and its channels with it; the other is for the delete of the call before
        { framesOut: 1, framesIn: 1, roundTrips: 2 },
      ],
      [
        'exclusive',
        // declare besides, and consume, which is not waited for: it goes with the first request
        { framesOut: 7, framesIn: 5, roundTrips: 6 },
        { framesOut: 3, framesIn: 3, roundTrips: 1 },
        { framesOut: 1, framesIn: 1, roundTrips: 1 },
      ],
      [
        'direct',
        // consume besides, in the round trip of the first request: with five for the set-up, and one for a call, there are
        // no fewer, for AMQP lets a client wait for start, tune, open-ok and channel.open-ok
        { framesOut: 6, framesIn: 4, roundTrips: 5 },
        { framesOut: 3, framesIn: 3, roundTrips: 1 },
        { framesOut: 1, framesIn: 1, roundTrips: 1 },
      ],
    ]);
    assert.deepEqual(await measureWire(options), wire);
  });

  it('does not depend on how far away the broker is', async (t) => {
    const target = await served(t);
    const near = await measureWire({ openers: openers(), target, signal: t.signal });
    const { proxy, port } = await DelayProxy.open(parseAmqpUrl(target.url), 20);
    t.after(() => proxy.close());
    const far = await measureWire({ openers: openers(), target: throughProxy(target, port), signal: t.signal });
    assert.deepEqual(far, near);
  });

  it('is the time that it takes where the way is long: no round trip is counted that is not waited for', async (t) => {
    const rtt = 40;
    const target = await served(t);
    const { entries } = await measureWire({ openers: openers(), target, signal: t.signal });
    const { proxy, port } = await DelayProxy.open(parseAmqpUrl(target.url), rtt);
    t.after(() => proxy.close());
    for (const { contender: design, setUp, call, teardown } of entries) {
      const caller = library.open(design as Design, throughProxy(target, port));
      const timed = async (act: () => Promise<unknown>) => {
        const began = performance.now();
        await act();
        return (performance.now() - began) / rtt;
      };
      const ask = () => caller.call('30', t.signal);
      const first = await timed(ask);
      const later = await timed(ask);
      const end = await timed(() => caller.close());
      const said = `${design}: ${first}, ${later}, ${end}`;
      assert.ok(first >= setUp.roundTrips + call.roundTrips, said);
      assert.ok(later >= call.roundTrips, said);
      assert.ok(end >= teardown.roundTrips, said);
      t.diagnostic(`round trips taken by the clock: ${said}`);
    }
  });

  it('is not counted over TLS, and says why', async (t) => {
    const target = { url: 'amqps://localhost', tls: undefined, queue: 'q' };
    const { entries, detail } = await measureWire({ openers: openers(), target, signal: t.signal });
    assert.deepEqual(entries, []);
    assert.match(detail, /^Not counted: over TLS .*amqp:\/\/ URL/);
  });

  it('is not told of a call that fails: an error says whose, and why', async (t) => {
    const wrong = await served(t, '6765');
    await assert.rejects(measureWire({ openers: openers(), target: wrong, signal: t.signal }), {
      message: 'counting the wire cost of per-request: the reply to 30 was "6765" (4 bytes), not the 6 bytes expected',
    });
    const dead = { ...wrong, url: await deadUrl() };
    await assert.rejects(measureWire({ openers: openers(), target: dead, signal: t.signal }), {
      message: /^counting the wire cost of per-request: the connection to the broker failed: .*ECONNREFUSED/,
    });
  });

  it('is given up when the signal says so', async (t) => {
    const target = { url: amqpUrl(), tls: undefined, queue: await testQueue(t) }; // nobody serves it
    const stop = new AbortController();
    const reason = new Error('enough');
    const open: typeof library.open = (design, to) => {
      const caller = library.open(design, to);
      setImmediate(() => stop.abort(reason));
      return caller;
    };
    await assert.rejects(measureWire({ openers: openers(open), target, signal: stop.signal }), reason);
  });
});

/** A connection through a counting proxy, to the broker or to what is before it. */
async function countedConnection(t: TestContext, to: Endpoint = parseAmqpUrl(amqpUrl())) {
  const { proxy, port } = await CountingProxy.open(to);
  t.after(() => proxy.close());
  const url = parseAmqpUrl(throughProxy({ url: amqpUrl(), tls: undefined, queue: '' }, port).url);
  const connection = await connect(url);
  t.after(() => connection.close());
  return { proxy, url, connection };
}

describe('the counting proxy', { concurrency: true }, () => {
  it('counts one connection, and ends when there is a second', async (t) => {
    const { proxy, url, connection } = await countedConnection(t);
    const lost = new Promise<Error>((resolve) => {
      connection.observer = { onLost: resolve };
    });
    await assert.rejects(connect(url));
    assert.ok((await lost) instanceof Error);
    assert.equal(proxy.failure?.message, 'the client made a second connection');
  });

  it('is not quiet until the broker has answered everything, however long that takes', async (t) => {
    const { proxy: delay, port } = await DelayProxy.open(parseAmqpUrl(amqpUrl()), 300);
    t.after(() => delay.close());
    const { proxy, connection } = await countedConnection(t, { hostname: '127.0.0.1', port });
    const before = proxy.counts();
    const opened = Promise.all([connection.openChannel(), connection.openChannel(), connection.openChannel()]);
    while (proxy.counts().framesOut === before.framesOut) await turn();
    await proxy.quiet(t.signal);
    assert.equal(proxy.counts().framesOut - before.framesOut, 3);
    assert.equal(proxy.counts().framesIn - before.framesIn, 3);
    await opened;
  });

  it('takes what a slow client sends without waiting for one flight, even if the broker is quicker', async (t) => {
    const { proxy, connection } = await countedConnection(t);
    await proxy.quiet(t.signal);
    const before = proxy.counts();
    const one = connection.openChannel();
    while (proxy.counts().framesOut === before.framesOut) await turn();
    // the answer to the first is there long before the client gets to sending the second
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    for (let turns = 0; turns < 5; turns++) await turn();
    await Promise.all([one, connection.openChannel()]);
    assert.equal(proxy.counts().roundTrips - before.roundTrips, 1);
    await connection.openChannel();
    assert.equal(proxy.counts().roundTrips - before.roundTrips, 2, 'one that is sent after hearing of them is another');
  });
});
