import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openGate } from '../../test-helpers/gate.ts';
import { assertStruck, brokerForFile, underLoad } from './stage.ts';

const LOST = 'UNAVAILABLE/CONNECTION_LOST';

// Clients and workers alike reach the broker through the proxy.
describe('calls end well, those of clients that retry with the right answer', () => {
  const broker = brokerForFile();

  test('when connections are reset', async (t) => {
    const gate = await openGate(t, broker().url);
    const through = { broker: broker(), workerUrl: gate.url, clientUrl: gate.url };
    const fault = { ...through, fault: 'connections reset', errors: { others: [LOST] } };
    const { load } = await underLoad(t, fault, async ({ load: underWay }) => {
      gate.hold();
      await underWay.allUnderWay();
      gate.cut();
      gate.open();
    });
    assertStruck(load, [LOST]);
  });

  test('when connections are left half-open', async (t) => {
    const gate = await openGate(t, broker().url);
    const url = `${gate.url}?heartbeat=1`;
    const through = { broker: broker(), workerUrl: url, clientUrl: url };
    const fault = { ...through, fault: 'connections half-open', errors: { others: [LOST] } };
    const { load } = await underLoad(t, fault, async ({ load: underWay }) => {
      gate.blackhole();
      await underWay.settled();
    });
    assertStruck(load, [LOST]);
  });

  test('when the network is slow to deliver: not one fails', async (t) => {
    const { url, slow } = await openGate(t, broker().url);
    const through = { broker: broker(), workerUrl: url, clientUrl: url };
    await underLoad(t, { ...through, fault: 'network delayed' }, async ({ load, callers }) => {
      slow({ delay: 50 });
      const [caller] = callers;
      assert.ok(caller);
      await load.call(caller, 1); // by now what was on its way before has arrived
      const began = performance.now();
      await load.call(caller, 1);
      assert.ok(performance.now() - began >= 90, 'a call waits for the network twice');
      await load.goesOn(100);
      slow({});
    });
  });

  test('when the network lets little through: not one fails', async (t) => {
    const { url, slow } = await openGate(t, broker().url);
    const through = { broker: broker(), workerUrl: url, clientUrl: url };
    await underLoad(t, { ...through, fault: 'network throttled' }, async ({ load }) => {
      slow({ rate: 5_000 });
      await load.goesOn(100);
      slow({});
    });
  });
});
