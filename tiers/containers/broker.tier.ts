import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connect } from '../../src/amqp/dial.ts';
import { parseAmqpUrl } from '../../src/amqp/url.ts';
import { startContainer } from '../../src/rabbitmq/docker.ts';
import { findEngine } from '../../src/rabbitmq/engine.ts';
import { findInstalled } from '../../src/rabbitmq/installed.ts';
import { removeLeftovers } from '../../src/rabbitmq/leftovers.ts';
import { findMetrics } from '../../src/rabbitmq/metrics.ts';
import { docker } from '../../test-helpers/containers.ts';
import { start } from '../../test-helpers/programs.ts';
import { disposeAfter } from '../../test-helpers/rpc.ts';

/** The containers that are there, running or not, by a filter of `docker ps`. */
const containers = async (filter: string) =>
  (await docker('ps', '--all', '--quiet', '--no-trunc', '--filter', filter)).split('\n').filter(Boolean);

describe('a RabbitMQ of our own in Docker', () => {
  it('is reached on loopback only, has metrics and rabbitmqctl, and is the same after a stop and a kill', async () => {
    const said: string[] = [];
    const broker = await startContainer({ say: (line) => said.push(line), metrics: true });
    assert.ok(broker);
    let id = '';
    try {
      assert.deepEqual(said, ['starting rabbitmq:4-management in Docker']);
      assert.match(broker.description, /^RabbitMQ 4\.\d+\.\d+ of our own in Docker/);
      const { port } = parseAmqpUrl(broker.url);
      [id = ''] = await containers(`publish=${port}`);
      const ports = JSON.parse(await docker('inspect', '--format', '{{json .NetworkSettings.Ports}}', id));
      const published = Object.values(ports as Record<string, { HostIp: string }[] | null>).flatMap((one) => one ?? []);
      assert.deepEqual(
        published.map(({ HostIp }) => HostIp),
        ['127.0.0.1', '127.0.0.1'],
      );

      const connection = await connect(parseAmqpUrl(broker.url));
      const channel = await connection.openChannel();
      await channel.queueDeclare({ queue: 'kept', durable: true });
      const metrics = await findMetrics(broker);
      assert.equal((await metrics?.read())?.connections, 1);
      await connection.close();
      assert.match(await broker.ctl('-q', 'list_queues', 'name'), /^kept$/m);
      await assert.rejects(broker.ctl('no_such_command'), /^Error: rabbitmqctl: /);

      for (const end of ['stop', 'kill'] as const) {
        await broker[end]();
        await assert.rejects(connect(parseAmqpUrl(broker.url)), /no RabbitMQ answers/);
        await broker.start();
        assert.match(await broker.ctl('-q', 'list_queues', 'name'), /^kept$/m, `after a ${end}`);
      }
    } finally {
      await broker[Symbol.asyncDispose]();
    }
    assert.deepEqual(await containers(`id=${id}`), []);
  });

  it('is what npm start takes where no RabbitMQ is installed; left by a killed one, the next removes it', async (t) => {
    if (await findInstalled()) return t.skip('RabbitMQ is installed here, which goes before Docker');
    const before = new Set(await containers('label=fib-worker.owner'));
    const ours = async () => (await containers('label=fib-worker.owner')).filter((id) => !before.has(id));
    const env = { TESTCONTAINERS_RYUK_DISABLED: 'true', DOCKER_HOST: process.env.DOCKER_HOST ?? '' };
    const killed = start(t, 'demo.js', [], { url: null, env });
    await killed.says(/Starting a worker/);
    if (/found there/.test(killed.stderr)) return t.skip('a RabbitMQ is on localhost:5672, which goes before Docker');
    assert.match(killed.stderr, /using RabbitMQ 4\S+ of our own in Docker/);
    const [left] = await ours();
    await killed.stop('SIGKILL');
    assert.deepEqual(await ours(), [left], 'nobody was there to remove it');

    const next = start(t, 'demo.js', [], { url: null, env });
    const { code, stdout, stderr } = await next.end();
    assert.deepEqual([code, stdout], [0, 'fib(30) = 832040\n'], stderr);
    assert.deepEqual(await ours(), []);
  });

  it('is left alone by others as long as its process runs', async (t) => {
    const broker = await startContainer({ say: () => {} });
    const found = await findEngine();
    assert.ok(broker && found);
    disposeAfter(t, broker);
    const [id = ''] = await containers(`publish=${parseAmqpUrl(broker.url).port}`);
    const removed = await removeLeftovers(found.engine);
    assert.ok(!removed.includes(id));
    await broker.ctl('-q', 'status');
  });
});
