import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { before, describe, it, type TestContext } from 'node:test';
import {
  buildImage,
  type ContainedWorker,
  docker,
  runWorker,
  startNetwork,
  startRabbit,
} from '../../test-helpers/containers.ts';
import { type Running, start } from '../../test-helpers/programs.ts';

const FIB_25 = '75025';

/** Starts a client that asks for fib(25) as often as it is told to, with no retry: each call that is lost is seen. */
function ask(t: TestContext, url: string, ...flags: string[]): { client: Running; times: (count: number) => void } {
  const client = start(t, 'client.js', ['--quiet', '--verbose', '--timeout', '60s', ...flags, '-'], { url });
  return { client, times: (count) => client.child.stdin.write('25\n'.repeat(count)) };
}

async function startWorkers(t: TestContext, count: number, network: string): Promise<ContainedWorker[]> {
  const args = ['--network', network, '--env', 'AMQP_URL=amqp://rabbitmq'];
  const work = ['--algorithm', 'recursive', '--prefetch', '5'];
  const workers = await Promise.all(Array.from({ length: count }, () => runWorker(t, args, work)));
  await Promise.all(workers.map((worker) => worker.says(/"event":"consuming"/)));
  return workers;
}

describe('docker stop', () => {
  before(buildImage);

  it('in the midst of work drains: exit code 0 within the grace, every call answered once', async (t) => {
    const network = await startNetwork(t);
    const url = await startRabbit(t, { network });
    const [stopped, other] = (await startWorkers(t, 2, network)) as [ContainedWorker, ContainedWorker];
    const { client, times } = ask(t, url, '--no-retry');
    times(400);
    await client.prints(/\d/);
    await docker('stop', stopped.name); // killed after 10 s, which would be exit code 137
    times(100); // goes to the other
    client.child.stdin.end();
    const { code, stdout, stderr } = await client.end();
    assert.equal(await stopped.inspect('{{.State.ExitCode}}'), '0');
    assert.equal(code, 0, stderr);
    assert.deepEqual(stdout.trimEnd().split('\n'), Array(500).fill(FIB_25));
    assert.doesNotMatch(stderr, /discarded/);
    const [end] = await stopped.records('stopped');
    assert.equal(end?.unfinished, 0);
    await docker('stop', other.name);
    const [otherEnd] = await other.records('stopped');
    assert.equal(Number(end?.answered) + Number(otherEnd?.answered), 500, 'none answered twice');
    assert.ok(Number(end?.answered) > 0, 'the one that was stopped had its share');
  });

  it('ends a worker that has no broker, too', async (t) => {
    const worker = await runWorker(t, ['--network', 'none']);
    await worker.says(/"event":"retrying"/);
    await docker('stop', worker.name);
    assert.equal(await worker.inspect('{{.State.ExitCode}}'), '0');
  });
});

describe('docker kill', () => {
  before(buildImage);

  it('of one worker of four costs no call', async (t) => {
    const network = await startNetwork(t);
    const url = await startRabbit(t, { network });
    const workers = await startWorkers(t, 4, network);
    const { client, times } = ask(t, url);
    times(400);
    await client.prints(/\d/);
    await docker('kill', (workers[0] as ContainedWorker).name);
    client.child.stdin.end();
    const { code, stdout, stderr } = await client.end();
    assert.equal(code, 0, stderr);
    assert.deepEqual(stdout.trimEnd().split('\n'), Array(400).fill(FIB_25));
  });
});
