import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { openGate } from '../../test-helpers/gate.ts';
import { until } from '../../test-helpers/processes.ts';
import {
  cleanUp,
  deadUrl,
  type Running,
  runClient,
  start,
  startWorker,
  uniqueQueue,
} from '../../test-helpers/programs.ts';
import { parseMetrics, sampleValue } from '../../test-helpers/prometheus.ts';
import { openRaw } from '../../test-helpers/rpc.ts';

const HTTP = ['--http-port', '0', '--http-host', '127.0.0.1'];

function portOf(worker: Running): number {
  return Number(worker.records('http')[0]?.port);
}

async function get(worker: Running, path: string, init: RequestInit = {}) {
  const response = await fetch(`http://127.0.0.1:${portOf(worker)}${path}`, init);
  return { status: response.status, headers: response.headers, body: await response.text() };
}

async function metricsOf(worker: Running) {
  return parseMetrics((await get(worker, '/metrics')).body);
}

/** Opens a connection to the worker's HTTP port and says something; `closed` gives what came back once it is closed. */
function say(t: TestContext, worker: Running, text: string, onSaid = () => {}): { readonly closed: Promise<string> } {
  const socket = net.connect(portOf(worker), '127.0.0.1').setEncoding('latin1');
  cleanUp(t, () => socket.destroy());
  let heard = '';
  socket.on('data', (chunk) => {
    heard += chunk;
  });
  socket.on('error', () => {});
  socket.write(text, onSaid);
  return { closed: new Promise((resolve) => socket.on('close', () => resolve(heard))) };
}

describe('the HTTP port of a worker', { concurrency: 3 }, () => {
  it('is off unless asked for', async (t) => {
    const worker = await startWorker(t, ['--queue', uniqueQueue(t)]);
    assert.deepEqual(worker.records('http'), []);
  });

  it('tells that it lives and is ready', async (t) => {
    const worker = await startWorker(t, ['--queue', uniqueQueue(t), ...HTTP]);
    const live = await get(worker, '/livez');
    assert.deepEqual([live.status, live.body], [200, 'alive\n']);
    const ready = await get(worker, '/readyz?verbose');
    assert.deepEqual([ready.status, ready.body], [200, 'ready\n']);
    assert.equal(ready.headers.get('cache-control'), 'no-store');
    const head = await get(worker, '/readyz', { method: 'HEAD' });
    assert.deepEqual([head.status, head.body], [200, '']);
  });

  it('is one of a variable, too, and at every address unless told otherwise', async (t) => {
    const env = { HTTP_PORT: '0' };
    const worker = await startWorker(t, ['--queue', uniqueQueue(t)], { env });
    assert.equal((await get(worker, '/livez')).status, 200);
    assert.equal(worker.records('http')[0]?.host, undefined);
  });

  it('answers other paths with 404, other methods with 405', async (t) => {
    const worker = await startWorker(t, ['--queue', uniqueQueue(t), ...HTTP]);
    for (const path of ['/', '/metrics/', '/../livez/x', '/__proto__', '/constructor']) {
      assert.equal((await get(worker, path)).status, 404, path);
    }
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      const { status, headers } = await get(worker, '/livez', { method });
      assert.deepEqual([status, headers.get('allow')], [405, 'GET, HEAD'], method);
    }
    assert.equal((await get(worker, '/livez', { method: 'POST', body: 'x'.repeat(1_000_000) })).status, 405);
  });

  it('tells that it is not ready, and why, without its broker, and that it is again; it lives all the while', async (t) => {
    const gate = await openGate(t, amqpUrl());
    const worker = await startWorker(t, ['--queue', uniqueQueue(t), ...HTTP], { url: gate.url });
    gate.refuse = true;
    gate.cut();
    await worker.says(/"event":"retrying"/);
    const { status, body } = await get(worker, '/readyz');
    assert.deepEqual([status, body], [503, 'not ready: disconnected from RabbitMQ (NO_BROKER, see its log)\n']);
    assert.equal((await get(worker, '/livez')).status, 200);
    assert.equal(sampleValue(await metricsOf(worker), 'fib_worker_state', { state: 'disconnected' }), 1);
    gate.refuse = false;
    await worker.says(/"event":"consuming"/, 2);
    assert.equal((await get(worker, '/readyz')).status, 200);
    const metrics = await metricsOf(worker);
    assert.equal(sampleValue(metrics, 'fib_worker_state', { state: 'consuming' }), 1);
    assert.equal(sampleValue(metrics, 'fib_worker_state', { state: 'disconnected' }), 0);
  });

  it('is there before a broker is', async (t) => {
    const worker = start(t, 'worker.js', ['--queue', 'none', ...HTTP], { url: await deadUrl() });
    await worker.says(/"event":"http"/);
    assert.equal((await get(worker, '/livez')).status, 200);
    const { status, body } = await get(worker, '/readyz');
    assert.equal(status, 503);
    assert.match(body, /^not ready: (not connected|disconnected)/);
  });

  it('tells that it is not ready while it drains', async (t) => {
    const gate = await openGate(t, amqpUrl());
    const args = ['--queue', uniqueQueue(t), '--grace', '10m', ...HTTP];
    const worker = await startWorker(t, args, { url: gate.url });
    gate.hold();
    worker.child.kill('SIGTERM');
    await worker.says(/"event":"draining"/);
    const { status, body } = await get(worker, '/readyz');
    assert.deepEqual([status, body], [503, 'not ready: draining, about to exit\n']);
    assert.equal((await get(worker, '/livez')).status, 200);
  });

  it('says in a line, with exit code 2, that the port is taken', async (t) => {
    const holder = net.createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    cleanUp(t, () => holder.close());
    const port = String((holder.address() as AddressInfo).port);
    const args = ['--http-port', port, '--http-host', '127.0.0.1'];
    const { code, stderr } = await start(t, 'worker.js', args).end();
    assert.equal(code, 2);
    assert.match(stderr, new RegExp(`^fib-worker: --http-port: port ${port} is in use; [^\\n]+\\n$`));
    const other = await start(t, 'worker.js', ['--http-port', '0', '--http-host', '192.0.2.1']).end();
    assert.equal(other.code, 2);
    assert.match(other.stderr, /^fib-worker: --http-port, --http-host: [^\n]*192\.0\.2\.1[^\n]*\n$/);
  });

  it('cuts who is slow, refuses who is too long, and neither keeps the worker from ending', async (t) => {
    const worker = await startWorker(t, ['--queue', uniqueQueue(t), ...HTTP]);
    const long = await say(t, worker, `GET /livez HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`).closed;
    assert.match(long, /^HTTP\/1\.1 431 /);
    assert.match(await say(t, worker, 'nonsense\r\n\r\n').closed, /^HTTP\/1\.1 400 /);
    const slow = Array.from({ length: 50 }, () => say(t, worker, 'GET /metrics HTTP/1.1\r\nHost: x\r\nX: '));
    const silent = Array.from({ length: 20 }, () => say(t, worker, ''));
    assert.equal((await get(worker, '/livez')).status, 200);
    await Promise.all([...slow, ...silent].map(({ closed }) => closed));
    for (let n = 0; n < 300; n++) say(t, worker, 'GET /metrics HTTP/1.1\r\n'); // more than it takes
    assert.equal((await worker.stop()).code, 0);
  });
});

/** A probe’s answer. A worker that is beset cuts who does not ask within 50 ms: where this machine was too slow for that, it asks again. */
async function ask(t: TestContext, worker: Running, path: string): Promise<string> {
  for (;;) {
    const begun = performance.now();
    let late = true;
    const { closed } = say(t, worker, `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`, () => {
      late = performance.now() - begun > 50;
    });
    const answer = await closed;
    if (answer || !late) return answer;
  }
}

describe('the probes of a worker', { concurrency: true }, () => {
  it('are answered although others hold connections without asking, from any address', async (t) => {
    const worker = await startWorker(t, ['--queue', uniqueQueue(t), ...HTTP]);
    let holding = true;
    let opened = 0;
    const hold = (localAddress: string): void => {
      if (!holding) return;
      opened++;
      const socket = net.connect({ port: portOf(worker), host: '127.0.0.1', localAddress });
      socket.on('error', () => {});
      socket.on('close', () => setTimeout(hold, 100, localAddress)); // at once again
      socket.write('GET /livez HTTP/1.1\r\nHost: x\r\nX: ');
      cleanUp(t, () => socket.destroy());
    };
    cleanUp(t, () => {
      holding = false;
    });
    for (let n = 0; n < 120; n++) hold('127.0.0.1');
    for (let n = 0; n < 120; n++) hold(`127.0.0.${2 + (n % 60)}`);
    for (let probe = 0; probe < 20; probe++) {
      for (const path of ['/livez', '/readyz']) assert.match(await ask(t, worker, path), /^HTTP\/1\.1 200 /, path);
      await sleep(20);
    }
    assert.ok(opened > 240, `${opened} connections: none was cut`);
  });
});

describe('the metrics of a worker', { concurrency: 3 }, () => {
  it('add up to what was sent', async (t) => {
    const queue = uniqueQueue(t);
    await (await startWorker(t, ['--queue', queue])).stop(); // the queue is there
    const raw = await openRaw({ after: (end) => cleanUp(t, end) });
    const { queue: replyTo } = await raw.channel.queueDeclare({ queue: '', exclusive: true });
    const replies = await raw.consume(replyTo);
    await raw.publish(queue, '11', { replyTo });
    const second = await raw.connection.openChannel();
    await until('the request is there', async () => (await second.basicGet({ queue })) !== undefined);
    await second.close(); // unacknowledged: it is delivered again
    const worker = await startWorker(t, ['--queue', queue, ...HTTP]);
    assert.equal(String((await replies.next()).body), '89');
    const client = await runClient(t, ['--queue', queue, '-q', '1', '2', '3', '4', '-5', '200000', 'x']);
    assert.equal(client.stdout, '1\n1\n2\n3\n', client.stderr);
    await raw.publish(queue, '5');
    await raw.publish(queue, '5', { replyTo: queue });
    await raw.publish(queue, '5', { replyTo: 'somebody.elses' });
    await raw.publish(queue, '5', { replyTo: 'somebody.elses' });
    await until('all is counted', async () => sampleValue(await metricsOf(worker), 'fib_worker_requests_total') === 12);

    const metrics = await metricsOf(worker);
    const value = (name: string, labels = {}) => sampleValue(metrics, name, labels);
    const histogram = 'rpc_server_call_duration_seconds';
    const call = { rpc_system_name: 'rabbitmq', rpc_method: queue };
    assert.equal(value(`${histogram}_count`, { ...call, rpc_status_code: 'OK' }), 5);
    const refused = { ...call, rpc_status_code: 'INVALID_ARGUMENT' };
    assert.equal(value(`${histogram}_count`, refused), 3);
    const sum = value(`${histogram}_sum`, { ...call, rpc_status_code: 'OK' }) ?? 0;
    assert.ok(sum > 0 && sum < 60, `${sum} seconds`);
    assert.equal(value('fib_worker_redelivered_requests_total'), 1);
    assert.equal(value('fib_worker_abandoned_requests_total'), 0);
    assert.equal(value('fib_worker_rejected_requests_total', { reason: 'missing-reply-to' }), 1);
    assert.equal(value('fib_worker_rejected_requests_total', { reason: 'refused-reply-to' }), 3);
    assert.equal(value('fib_worker_rejected_requests_total', { reason: 'caller-gone' }), 0);
    assert.equal(value('fib_worker_requests_in_flight'), 0);

    await worker.stop();
    const [stopped] = worker.records('stopped');
    assert.deepEqual([stopped?.requests, stopped?.answered, stopped?.refused, stopped?.redelivered], [12, 5, 3, 1]);
  });

  it('follow the rules of the format, and say what the units are', async (t) => {
    const queue = uniqueQueue(t);
    const worker = await startWorker(t, ['--queue', queue, ...HTTP]);
    await runClient(t, ['--queue', queue, '-q', '1', '-5']);
    const { status, headers, body } = await get(worker, '/metrics');
    assert.equal(status, 200);
    assert.equal(headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
    const metrics = parseMetrics(body);
    const version = (await start(t, 'worker.js', ['--version'], { url: null }).end()).stdout.trim().split(' ')[1];
    assert.equal(sampleValue(metrics, 'fib_worker_build_info', { version: version ?? '' }), 1);
    for (const name of [
      'process_resident_memory_bytes',
      'process_cpu_seconds_total',
      'nodejs_eventloop_lag_p99_seconds',
    ]) {
      assert.ok((sampleValue(metrics, name) ?? -1) >= 0, name);
    }
    const own = [...metrics.keys()].filter((name) => /^(fib_worker|rpc)_/.test(name));
    assert.deepEqual(own.sort(), [
      'fib_worker_abandoned_requests_total',
      'fib_worker_build_info',
      'fib_worker_cancelled_requests_total',
      'fib_worker_dead_letter_cycles_total',
      'fib_worker_overrun_requests_total',
      'fib_worker_overrunning_functions',
      'fib_worker_redelivered_requests_total',
      'fib_worker_rejected_requests_total',
      'fib_worker_requests_in_flight',
      'fib_worker_requests_total',
      'fib_worker_state',
      'fib_worker_stray_cancels_total',
      'rpc_server_call_duration_seconds',
    ]);
    const states = metrics.get('fib_worker_state')?.samples ?? [];
    assert.deepEqual([states.length, states.reduce((sum, { value }) => sum + value, 0)], [7, 1]);
    for (const [name, { help }] of metrics) assert.ok(help.length > 5, name);
  });
});
