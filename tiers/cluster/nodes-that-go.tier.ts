import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { PrivateBroker } from '../../src/rabbitmq/broker.ts';
import type { PrivateCluster } from '../../src/rabbitmq/cluster.ts';
import { startTestCluster } from '../../test-helpers/own-broker.ts';
import { assertStruck, underLoad } from '../faults/stage.ts';

/** The error of a client's calls when its node goes, where it does not ask again. */
const LOST = 'UNAVAILABLE/CONNECTION_LOST';
/** A reply is sent at most once, and a node that is killed takes with it what it had not yet passed on. */
const TIMEOUT = 'DEADLINE_EXCEEDED/TIMEOUT';

let started: PrivateCluster | undefined;
before(async () => {
  started = await startTestCluster();
});
after(() => started?.[Symbol.asyncDispose]());

/** How a node goes and comes back, and what that may do to calls. */
const ends = {
  stopped: {
    go: (node: PrivateBroker) => node.ctl('stop_app'),
    comeBack: (node: PrivateBroker) => node.ctl('start_app'),
    errors: { retrying: [], others: [LOST] },
  },
  killed: {
    go: (node: PrivateBroker) => node.kill(),
    comeBack: (node: PrivateBroker) => node.start(),
    errors: { retrying: [TIMEOUT], others: [LOST, TIMEOUT] },
  },
};

for (const [how, { go, comeBack, errors }] of Object.entries(ends))
  test(`clients and workers move when their nodes are ${how}, one after the other, and calls of every design go on`, async (t) => {
    const [home, ofClients, ofWorkers] = started?.nodes ?? [];
    assert.ok(home && ofClients && ofWorkers);
    const { load } = await underLoad(
      t,
      {
        broker: home,
        fault: `nodes ${how}`,
        errors,
        timeout: 20_000,
        clientUrl: [ofClients.url, home.url],
        workerUrl: [ofWorkers.url, home.url].join(','),
        workerArgs: ['--queue-type', 'quorum'],
      },
      async ({ load, workers }) => {
        const workersAreOn = ({ url }: PrivateBroker) =>
          workers.every((worker) => String(worker.records('connected').at(-1)?.url).endsWith(new URL(url).host));
        assert.ok(workersAreOn(ofWorkers));
        for (const { child } of workers) child.kill('SIGSTOP'); // so that every client waits for an answer just then
        await load.allUnderWay();
        await go(ofClients);
        for (const { child } of workers) child.kill('SIGCONT');
        await load.recovered(); // every client, on another node
        await comeBack(ofClients);
        await go(ofWorkers);
        await Promise.all(workers.map((worker) => worker.says(/"event":"consuming"/, 2)));
        await load.recovered();
        assert.ok(workersAreOn(home));
        await comeBack(ofWorkers);
      },
    );
    assertStruck(load, [LOST]);
  });
