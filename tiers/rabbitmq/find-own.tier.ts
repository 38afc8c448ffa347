import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import { findBroker } from '../../src/rabbitmq/find.ts';
import { findMetrics } from '../../src/rabbitmq/metrics.ts';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { testVersion } from '../../test-helpers/own-broker.ts';
import { disposeAfter } from '../../test-helpers/rpc.ts';

test('a version or a number of nodes that is asked for is one of our own, even if there is another broker', async (t) => {
  const env = { AMQP_URL: amqpUrl() };
  const options = { env, say: () => {}, localUrl: amqpUrl(), metrics: true };
  const broker = disposeAfter(t, await findBroker({ ...options, version: testVersion(), nodes: 1 }));
  assert.equal(broker.owned, true);
  assert.notEqual(broker.url, amqpUrl());
  assert.deepEqual(broker.urls, [broker.url]);
  const gauges = await (await findMetrics(broker))?.read();
  assert.equal(gauges?.connections, 0);
  await assert.rejects(
    findBroker({ ...options, nodes: 1.5 }),
    /nodes: expected a whole number from 2 to 9 for a cluster, got 1.5/,
  );
});

test('something else on its port is named, and a node of our own is started', async (t) => {
  const listener = net.createServer((socket) => socket.on('error', () => {}).end('SSH-2.0-nothing\r\n'));
  await once(listener.listen(0, '127.0.0.1'), 'listening');
  const { port } = listener.address() as net.AddressInfo;
  const said: string[] = [];
  const localUrl = `amqp://127.0.0.1:${port}`;
  const broker = disposeAfter(t, await findBroker({ env: {}, say: (line) => said.push(line), localUrl }));
  listener.close();
  assert.equal(broker.owned, true);
  assert.match(said[0] ?? '', new RegExp(`^not taken: 127.0.0.1:${port} answers, but not as a RabbitMQ would`));
  assert.match(said.at(-1) ?? '', /^using RabbitMQ \d.* of our own/);
});
