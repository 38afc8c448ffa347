import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { before, describe, it, type TestContext } from 'node:test';
import { amqpUrl } from '../../test-helpers/broker.ts';
import {
  buildImage,
  type ContainedWorker,
  docker,
  runWorker,
  startNetwork,
  startRabbit,
} from '../../test-helpers/containers.ts';
import { cleanUp, runClient, uniqueQueue } from '../../test-helpers/programs.ts';

/** Asks the worker that serves the queue there. */
async function ask(t: TestContext, url: string, queue = 'rpc_queue'): Promise<void> {
  const { code, stdout, stderr } = await runClient(t, ['--queue', queue, '--quiet', '--timeout', '30s', '30'], { url });
  assert.deepEqual([code, stdout], [0, '832040\n'], stderr);
}

/** The result of the image's health check: `healthy`, or its complaint. */
async function check({ name }: ContainedWorker): Promise<string> {
  const [, ...command] = JSON.parse(await docker('inspect', '--format', '{{json .Config.Healthcheck.Test}}', name));
  return docker('exec', name, ...command).then(
    () => 'healthy',
    (error: Error) => error.message,
  );
}

/** Whether a port of an address of this machine can be had. */
function isFree(host: string, port: number): Promise<boolean> {
  const server = net.createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false)).listen(port, host, () => server.close(() => resolve(true)));
  });
}

describe('a worker in a container, started without a word', () => {
  before(buildImage);

  it('finds the broker that the host publishes, says where it looks and which answered, and serves', async (t) => {
    const early = await runWorker(t, []);
    const gateway = await early.inspect('{{.NetworkSettings.Networks.bridge.Gateway}}');
    if (!(await isFree(gateway, 5672))) return t.skip(`${gateway}:5672 is taken, or no address of this machine`);
    await early.says(/"event":"retrying"/);
    assert.match(await check(early), /^docker: fib-worker: worker 1: not ready: /);
    const url = await startRabbit(t, { publishedAt: gateway });
    await early.says(/"event":"consuming"/);
    const [connected] = await early.records('connected');
    assert.equal(connected?.url, `amqp://guest@${gateway}:5672`);
    assert.equal(await check(early), 'healthy');
    const [looking] = await early.records('looking');
    assert.deepEqual(looking?.hosts, ['localhost', 'rabbitmq', 'host.docker.internal', gateway]);
    await ask(t, url);

    const named = await runWorker(t, ['--add-host', 'host.docker.internal:host-gateway']);
    await named.says(/"event":"connected","url":"amqp:\/\/guest@host\.docker\.internal:5672"/);
    const deaf = await runWorker(t, ['--env', 'DISCOVER=false']);
    await deaf.says(/no RabbitMQ answers at localhost:5672/);
    assert.doesNotMatch(await deaf.log(), /host\.docker\.internal|"event":"connected"/);
  });
});

describe('a worker in a container', () => {
  before(buildImage);

  it("reaches a broker on the host's loopback with --network host", async (t) => {
    const queue = uniqueQueue(t);
    const worker = await runWorker(t, ['--network', 'host', '--env', `AMQP_URL=${amqpUrl()}`], ['--queue', queue]);
    await worker.says(/"event":"consuming"/);
    await ask(t, amqpUrl(), queue);
  });

  it('finds a broker that is published to the host alone by sharing its network, without a URL', async (t) => {
    const name = `fib-worker-test-rabbitmq-${process.pid}`;
    const url = await startRabbit(t, { name });
    const worker = await runWorker(t, ['--network', `container:${name}`]);
    await worker.says(/"event":"connected","url":"amqp:\/\/guest@localhost:5672"/);
    await ask(t, url);
  });

  it('finds a container called rabbitmq on its network, without a URL', async (t) => {
    const network = await startNetwork(t);
    const url = await startRabbit(t, { network });
    const worker = await runWorker(t, ['--network', network]);
    await worker.says(/"event":"connected","url":"amqp:\/\/guest@rabbitmq:5672"/);
    await ask(t, url);
  });

  it('says with each slow retry where it looks and what makes it find one', async (t) => {
    const worker = await runWorker(t, ['--network', await startNetwork(t)]);
    await worker.says(/"event":"looking"[\s\S]*"event":"looking"/);
    const records = await worker.records('looking');
    assert.match(String(records.at(-1)?.message), /--network container:NAME of your RabbitMQ.* or set AMQP_URL/);
  });

  it('reaches a broker on its network by name, with AMQP_URL or a secret, as any user, and writes nothing', async (t) => {
    const network = await startNetwork(t);
    const url = await startRabbit(t, { network });

    const named = await runWorker(t, ['--network', network, '--env', 'AMQP_URL=amqp://rabbitmq'], ['--queue', 'named']);
    await named.says(/"event":"consuming"/);
    await ask(t, url, 'named');

    const folder = await mkdtemp(path.join(os.tmpdir(), 'fib-worker-secret-'));
    cleanUp(t, () => rm(folder, { recursive: true }));
    const secret = path.join(folder, 'amqp-url');
    await writeFile(secret, 'amqp://guest:guest@rabbitmq:5672\n');
    await chmod(secret, 0o444);
    await chmod(folder, 0o755);
    const locked = ['--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--user', '54321:54321'];
    const mount = ['--volume', `${secret}:/run/secrets/amqp-url:ro`, '--env', 'AMQP_URL_FILE=/run/secrets/amqp-url'];
    const closed = await runWorker(t, ['--network', network, ...locked, ...mount], ['--queue', 'closed']);
    await closed.says(/"event":"consuming"/);
    await ask(t, url, 'closed');
    assert.doesNotMatch(await closed.log(), /guest:guest/);
  });
});
