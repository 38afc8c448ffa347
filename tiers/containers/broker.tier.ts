import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import readline from 'node:readline';
import { describe, it } from 'node:test';
import { connect } from '../../src/amqp/dial.ts';
import { parseAmqpUrl } from '../../src/amqp/url.ts';
import { isThisMachine, startContainer } from '../../src/rabbitmq/docker.ts';
import { findMetrics } from '../../src/rabbitmq/metrics.ts';
import { docker } from '../../test-helpers/containers.ts';
import { until } from '../../test-helpers/processes.ts';

/** The containers that are there, running or not, by a filter of `docker ps`. */
const containers = async (filter: string) =>
  (await docker('ps', '--all', '--quiet', '--no-trunc', '--filter', filter)).split('\n').filter(Boolean);

/** The part of this file that runs in the process that a test below kills. */
async function startAndHang(): Promise<void> {
  console.log((await startContainer({ say: () => {} }))?.url);
  setInterval(() => {}, 1_000);
}

function tests(): void {
  describe('a RabbitMQ of our own in Docker', () => {
    it('is published on loopback only, has metrics and rabbitmqctl, and is the same after a stop and a kill', async () => {
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
        const published = Object.values(ports as Record<string, { HostIp: string }[] | null>).flatMap(
          (one) => one ?? [],
        );
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

    it('knows an address of this machine, also of a bridge to which no container is connected', async (t) => {
      const network = (await docker('network', 'create', `fib-worker-test-${process.pid}`)).trim();
      t.after(() => docker('network', 'rm', network));
      const gateway = await docker('network', 'inspect', '--format', '{{(index .IPAM.Config 0).Gateway}}', network);
      const routes = await readFile('/proc/net/fib_trie', 'utf8');
      const local = new Set(Array.from(routes.matchAll(/-- (\S+)\n\s+\/32 host LOCAL/g), ([, address]) => address));
      assert.equal(await isThisMachine(gateway.trim()), local.has(gateway.trim()));
      for (const own of ['127.0.0.1', 'localhost']) assert.equal(await isThisMachine(own), true, own);
      assert.equal(await isThisMachine('203.0.113.1'), false); // RFC 5737: nobody's
    });

    it('has the plugins and the configuration that were asked for, and the version', async () => {
      const broker = await startContainer({
        say: () => {},
        version: '4.3',
        plugins: ['rabbitmq_stream'],
        config: ['heartbeat = 77'],
      });
      assert.ok(broker);
      try {
        assert.match(broker.version, /^4\.3\./);
        assert.match(await broker.ctl('-q', 'eval', 'application:get_env(rabbit, heartbeat).'), /77/);
        assert.match(
          await broker.ctl('-q', 'eval', 'lists:keymember(rabbitmq_stream, 1, application:which_applications()).'),
          /true/,
        );
      } finally {
        await broker[Symbol.asyncDispose]();
      }
    });

    it('ends with its process, however that ends', async (t) => {
      const parent = spawn(process.execPath, [import.meta.filename, 'start-and-hang'], {
        env: { ...process.env, NODE_TEST_CONTEXT: undefined },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      t.after(() => parent.kill('SIGKILL'));
      const [line] = (await once(readline.createInterface({ input: parent.stdout }), 'line')) as [string];
      const filter = `publish=${parseAmqpUrl(line).port}`;
      assert.equal((await containers(filter)).length, 1);
      parent.kill('SIGKILL');
      await until('it is gone', async () => (await containers(filter)).length === 0);
    });
  });
}

if (process.argv[2] === 'start-and-hang') void startAndHang();
else tests();
