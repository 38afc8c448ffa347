import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { until } from '../../test-helpers/rpc.ts';
import { LANES } from './load.ts';
import { assertStruck, brokerForFile, type Stage, underLoad } from './stage.ts';

const LOST = 'UNAVAILABLE/CONNECTION_LOST';
const NO_BROKER = 'UNAVAILABLE/NO_BROKER';
const NO_QUEUE = 'UNAVAILABLE/NO_QUEUE';
const TIMEOUT = 'DEADLINE_EXCEEDED/TIMEOUT';

const broker = brokerForFile();

describe('calls end well, those of clients that retry with the right answer', () => {
  test('when the broker restarts', async (t) => {
    const errors = { others: [LOST, NO_BROKER] };
    const { load } = await underLoad(t, { broker: broker(), fault: 'broker restarted', errors }, async (stage) => {
      await withRequestsWaiting(stage, () => broker().stop());
      await broker().start();
    });
    assertStruck(load, [LOST]);
  });

  test('when the broker is killed, and comes back', async (t) => {
    const errors = { others: [LOST, NO_BROKER] };
    const { load } = await underLoad(t, { broker: broker(), fault: 'broker killed', errors }, async (stage) => {
      await withRequestsWaiting(stage, () => broker().kill());
      await broker().start();
    });
    assertStruck(load, [LOST]);
  });

  test('when connections are closed one by one', async (t) => {
    const errors = { others: [LOST] };
    let round = 0;
    await underLoad(t, { broker: broker(), fault: 'close_connection', errors }, async (stage) => {
      const clients = await connectionsNamed('fib-worker client');
      const workers = await connectionsNamed('fib-worker');
      const turn = (pids: string[], n: number) => pids[n % pids.length] ?? '';
      const pids = [turn(clients, 2 * round), turn(clients, 2 * round + 1), turn(workers, round)];
      await withRequestsWaiting(stage, async () => {
        for (const pid of pids) await broker().ctl('close_connection', pid, 'on purpose');
      });
      round++;
    });
  });

  test('when all connections are closed', async (t) => {
    const errors = { others: [LOST] };
    const { load } = await underLoad(t, { broker: broker(), fault: 'close_all_connections', errors }, async (stage) => {
      await withRequestsWaiting(stage, () => broker().ctl('close_all_connections', 'on purpose'));
    });
    assertStruck(load, [LOST]);
  });

  test('when the broker blocks publishers for lack of memory: not one fails', async (t) => {
    const options = { broker: broker(), fault: 'connection.blocked' };
    await underLoad(t, options, async ({ callers, load }) => {
      const blocked = () => callers.reduce((sum, caller) => sum + caller.blocked, 0);
      const before = blocked();
      await broker().ctl('set_vm_memory_high_watermark', '0.000001');
      await until(() => blocked() > before); // clients are told when they next publish
      await load.allUnderWay(); // a client none of whose calls is answered any more publishes nothing, and is not told
      await broker().ctl('set_vm_memory_high_watermark', '0.6');
    });
  });
});

/** The connections of this name, as the broker's process ids. */
async function connectionsNamed(name: string): Promise<string[]> {
  const list = await broker().ctl('--silent', '--no-table-headers', 'list_connections', 'pid', 'client_properties');
  const lines = list.split('\n').filter((line) => line.includes(`{"connection_name","${name}"}`));
  return lines.map((line) => line.split('\t')[0] ?? '');
}

describe('requests that are destroyed cost their calls a typed error, and no others', () => {
  test('when the queue is deleted', async (t) => {
    const errors = { retrying: [TIMEOUT, NO_QUEUE], others: [TIMEOUT, NO_QUEUE] };
    const { load } = await underLoad(
      t,
      { broker: broker(), fault: 'queue deleted', errors, timeout: 5_000 },
      async (stage) => {
        await withRequestsWaiting(stage, () => broker().ctl('delete_queue', stage.queue));
      },
    );
    assertStruck(load, [TIMEOUT, NO_QUEUE]);
  });

  test('when the queue is purged', async (t) => {
    const errors = { retrying: [TIMEOUT], others: [TIMEOUT] };
    let destroyed = 0; // at most
    const { load, discarded } = await underLoad(
      t,
      { broker: broker(), fault: 'queue purged', errors, timeout: 5_000 },
      async (stage) => {
        destroyed += stage.callers.length * LANES;
        await withRequestsWaiting(stage, () => broker().ctl('purge_queue', stage.queue));
      },
    );
    assertStruck(load, [TIMEOUT]);
    const late = Number(discarded.late); // not destroyed: the purge took so long that their answers came too late
    assert.ok((load.errors.get(TIMEOUT) ?? 0) - late <= destroyed);
  });
});

/** Does something while every client has requests under way, more than the workers have in hand. */
async function withRequestsWaiting({ load, workers }: Stage, act: () => Promise<unknown>): Promise<void> {
  for (const { child } of workers) child.kill('SIGSTOP');
  await load.allUnderWay();
  await act();
  for (const { child } of workers) child.kill('SIGCONT');
}
