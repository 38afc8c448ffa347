import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import type net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../../src/amqp/dial.ts';
import { parseAmqpUrl } from '../../src/amqp/url.ts';
import type { PrivateBroker } from '../../src/rabbitmq/broker.ts';
import { type BrokerMetrics, findMetrics, openMetrics } from '../../src/rabbitmq/metrics.ts';
import type { BrokerGauges } from '../../src/rabbitmq/metrics-gauges.ts';
import { freePorts } from '../../src/rabbitmq/ports.ts';
import { startTestBroker } from '../../test-helpers/own-broker.ts';
import { until } from '../../test-helpers/processes.ts';

const restless = ['processes', 'memory', 'processMemory', 'residentMemory', 'reductions'];

/** The figures that changed, Erlang's own aside: those never rest. */
function changes(before: BrokerGauges, now: BrokerGauges): Partial<Record<keyof BrokerGauges, number>> {
  const names = (Object.keys(now) as (keyof BrokerGauges)[]).filter((name) => !restless.includes(name));
  const differences = names.map((name) => [name, (now[name] ?? Number.NaN) - (before[name] ?? Number.NaN)] as const);
  return Object.fromEntries(differences.filter(([, difference]) => difference !== 0));
}

/** Waits until exactly these figures changed, by exactly that; returns the new ones. */
async function changed(
  metrics: BrokerMetrics,
  before: BrokerGauges,
  expected: Partial<Record<keyof BrokerGauges, number>>,
): Promise<BrokerGauges> {
  const sorted = (figures: object) => JSON.stringify(Object.entries(figures).sort());
  for (const giveUpAt = Date.now() + 240_000; ; await sleep(50)) {
    const now = await metrics.read();
    if (sorted(changes(before, now)) === sorted(expected)) return now;
    if (Date.now() > giveUpAt) assert.deepEqual(changes(before, now), expected);
  }
}

const queue = 'fib-worker.test.metrics';

describe('the metrics of a broker', () => {
  let broker: PrivateBroker;
  let managementPort: number;
  before(async () => {
    [managementPort = 0] = await freePorts(1);
    broker = await startTestBroker({
      metrics: true,
      plugins: ['rabbitmq_management'],
      config: ['management.tcp.ip = 127.0.0.1', `management.tcp.port = ${managementPort}`],
    });
  });
  after(() => broker[Symbol.asyncDispose]());

  test('of a node of our own: each thing that is opened, declared or deleted changes its figure and no other', async () => {
    const metrics = await findMetrics(broker);
    assert.equal(metrics?.lag, 0);
    let gauges = await metrics.read();
    for (const [name, value] of Object.entries(gauges)) assert.equal(typeof value, 'number', name);
    const connection = await connect(parseAmqpUrl(broker.url));
    try {
      gauges = await changed(metrics, gauges, { connections: 1, connectionsOpened: 1 });
      const channel = await connection.openChannel();
      gauges = await changed(metrics, gauges, { channels: 1, channelsOpened: 1 });
      await channel.queueDeclare({ queue, exclusive: true });
      gauges = await changed(metrics, gauges, { queues: 1, queuesDeclared: 1, queuesCreated: 1 });
      await channel.queueDeclare({ queue, exclusive: true });
      await channel.queueDeclare({ queue, passive: true });
      gauges = await changed(metrics, gauges, { queuesDeclared: 1 });
      await channel.queueDelete({ queue });
      gauges = await changed(metrics, gauges, { queues: -1, queuesDeleted: 1 });
      await channel.queueDeclare({ exclusive: true });
      gauges = await changed(metrics, gauges, { queues: 1, queuesDeclared: 1, queuesCreated: 1 });
      await channel.close();
      gauges = await changed(metrics, gauges, { channels: -1, channelsClosed: 1 });
    } finally {
      connection.destroy();
    }
    await changed(metrics, gauges, { connections: -1, connectionsClosed: 1, queues: -1, queuesDeleted: 1 });
  });

  test('of a node of our own do not cost it a count for each message', async () => {
    const level = await broker.ctl(
      '-q',
      'eval',
      '{ok, Level} = application:get_env(rabbit, collect_statistics), Level.',
    );
    assert.equal(level.trim(), 'coarse');
  });

  test('come from the management API where there is no Prometheus endpoint: the same figures, some later', async () => {
    const [nothing = 0] = await freePorts(1);
    const search = { prometheus: nothing, management: managementPort };
    const metrics = await findMetrics({ urls: broker.urls }, { search });
    assert.equal(metrics?.source, `the management API at 127.0.0.1:${managementPort}`);
    // one that has just started knows nothing until its first interval is over
    await until('the counters are known', async () => (await metrics.read()).queuesDeleted !== undefined);
    let gauges = await metrics.read();
    const connection = await connect(parseAmqpUrl(broker.url));
    try {
      const channel = await connection.openChannel();
      await channel.queueDeclare({ queue, exclusive: true });
      const opened = { connections: 1, connectionsOpened: 1, channels: 1, channelsOpened: 1 };
      gauges = await changed(metrics, gauges, { ...opened, queues: 1, queuesDeclared: 1, queuesCreated: 1 });
    } finally {
      connection.destroy();
    }
    const closed = { connections: -1, connectionsClosed: 1, channels: -1, channelsClosed: 1 };
    await changed(metrics, gauges, { ...closed, queues: -1, queuesDeleted: 1 });
    const [one, other] = await Promise.all([metrics.read(), openMetrics(broker.metricsUrls ?? []).read()]);
    // two ways to the same, at almost the same time
    for (const name of ['memory', 'residentMemory', 'processes'] as const) {
      const [a = 0, b = 0] = [one[name], other[name]];
      assert.ok(Math.abs(a / b - 1) < 0.3, `${name}: ${a} and ${b}`);
    }
  });

  test('are fresh: what the broker answered before is in the figures', async () => {
    const metrics = openMetrics(broker.metricsUrls ?? []);
    const connection = await connect(parseAmqpUrl(broker.url));
    try {
      const channel = await connection.openChannel();
      const first = await metrics.read();
      for (let count = 1; count <= 20; count += 1) {
        await channel.queueDeclare({ queue, exclusive: true });
        await channel.queueDelete({ queue });
        const { queuesCreated, queuesDeleted, queuesDeclared } = changes(first, await metrics.read());
        assert.deepEqual([queuesCreated, queuesDeleted, queuesDeclared], [count, count, count]);
      }
    } finally {
      connection.destroy();
    }
  });

  test('count the Erlang processes and the memory of what is held', async () => {
    const metrics = openMetrics(broker.metricsUrls ?? []);
    const before = await metrics.read();
    const connections = await Promise.all(Array.from({ length: 30 }, () => connect(parseAmqpUrl(broker.url))));
    try {
      await Promise.all(connections.map((connection) => connection.openChannel()));
      const now = await metrics.read();
      assert.ok(
        (now.processes ?? 0) >= (before.processes ?? 0) + 10 * 30,
        `${before.processes}, then ${now.processes}`,
      );
      const { memory = 0, processMemory = 0, residentMemory = 0 } = now;
      assert.ok(processMemory > (before.processMemory ?? 0), `${before.processMemory}, then ${processMemory} bytes`);
      assert.ok(memory > processMemory && residentMemory > 20e6, `${memory} and ${residentMemory} bytes`);
    } finally {
      for (const connection of connections) connection.destroy();
    }
    await until('it is given back', async () => ((await metrics.read()).processes ?? 0) < (before.processes ?? 0) + 50);
  });

  test('of several nodes are added up', async () => {
    const [url = ''] = broker.metricsUrls ?? [];
    const [one, two] = await Promise.all([openMetrics([url]).read(), openMetrics([url, url]).read()]);
    assert.equal(two.connectionsOpened, 2 * (one.connectionsOpened ?? Number.NaN));
  });

  test('are undefined where neither endpoint is', async () => {
    const [prometheus = 0, management = 0] = await freePorts(2);
    assert.equal(await findMetrics({ urls: broker.urls }, { search: { prometheus, management } }), undefined);
  });

  test('a URL that was given and does not answer, or not with metrics, is an error that shows no password', async () => {
    const [closed] = await freePorts(1);
    for (const [url, pattern] of [
      [`http://user:hunter2@127.0.0.1:${closed}/metrics`, /^metrics: http:\/\/127.0.0.1:\d+\/metrics: ECONNREFUSED$/],
      [`http://user:hunter2@127.0.0.1:${managementPort}/api`, /^metrics: .*\/api: it answers 401 Unauthorized$/],
      [`http://guest:guest@127.0.0.1:${managementPort}/`, /^metrics: .*: its answer is not the metrics of a RabbitMQ$/],
      ['user:hunter2@host', /^metrics: expected a URL such as http:\/\/host:15692\/metrics, got /],
      ['ftp://user:hunter2@host/', /^metrics: expected a URL such as/],
    ] as const)
      await assert.rejects(findMetrics(broker, { metricsUrls: [url] }), (error: Error) => {
        assert.match(error.message, pattern);
        assert.doesNotMatch(error.message, /hunter2/);
        return true;
      });
  });

  test('the user and password of an AMQP URL go to its host only: no redirect is followed, and none go out for amqps', async () => {
    const seen: string[] = [];
    const server = http.createServer(({ url, headers }, response) => {
      seen.push(`${url} ${headers.authorization}`);
      response.writeHead(302, { location: `http://127.0.0.1:${managementPort}/api/overview` }).end();
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as net.AddressInfo;
    try {
      const search = { prometheus: port, management: port };
      assert.equal(await findMetrics({ urls: ['amqps://guest:guest@127.0.0.1:5671'] }, { search }), undefined);
      assert.deepEqual(seen, ['/metrics undefined']);
      assert.equal(await findMetrics({ urls: ['amqp://guest:guest@127.0.0.1:5672'] }, { search }), undefined);
      assert.ok(seen.some((line) => line.startsWith('/api/overview Basic ')));
    } finally {
      server.close();
    }
  });

  test('an endpoint that never answers costs a search no more than its limit, and an abort ends it at once', async () => {
    const server = http.createServer(() => {});
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as net.AddressInfo;
    const search = { prometheus: port, management: port };
    try {
      assert.equal(await findMetrics({ urls: ['amqp://127.0.0.1:5672'] }, { search }), undefined);
      const reason = new Error('enough');
      await assert.rejects(
        findMetrics({ urls: ['amqp://127.0.0.1'] }, { search, signal: AbortSignal.abort(reason) }),
        reason,
      );
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
