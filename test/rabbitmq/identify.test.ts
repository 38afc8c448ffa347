import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { type TestContext, test } from 'node:test';
import { parseAmqpUrl } from '../../src/amqp/url.ts';
import { identify } from '../../src/rabbitmq/identify.ts';
import { freePorts } from '../../src/rabbitmq/ports.ts';
import { amqpUrl } from '../../test-helpers/broker.ts';

const at = (port: number) => parseAmqpUrl(`amqp://guest:secret@127.0.0.1:${port}`);

/** A server that does with each connection what it is told to, until the test is over. */
async function server(t: TestContext, onConnection: (socket: net.Socket) => void): Promise<{ port: number }> {
  const sockets = new Set<net.Socket>();
  const listener = net.createServer((socket) => {
    sockets.add(socket.on('error', () => {}));
    onConnection(socket);
  });
  await once(listener.listen(0, '127.0.0.1'), 'listening');
  t.after(async () => {
    for (const socket of sockets) socket.destroy();
    await once(listener.close(), 'close');
  });
  return { port: (listener.address() as net.AddressInfo).port };
}

test('a RabbitMQ says what it is', async () => {
  const { product, version } = await identify(parseAmqpUrl(amqpUrl()));
  assert.equal(product, 'RabbitMQ');
  assert.match(version, /^\d+\.\d+\.\d+/);
});

test('of what a server says of itself, nothing reaches a terminal unescaped', async (t) => {
  const { hostname, port } = parseAmqpUrl(amqpUrl());
  const forger = await server(t, (socket) => {
    const broker = socket.pipe(net.connect(port, hostname)).on('error', () => {});
    broker.on('data', (data) => socket.write(data.toString('latin1').replaceAll('RabbitMQ', '\x1b[31mMQ!'), 'latin1'));
  });
  const { product } = await identify(parseAmqpUrl(amqpUrl().replace(`:${port}`, `:${forger.port}`)));
  assert.equal(product, '\\u001b[31mMQ!');
});

test('a wrong password and a missing virtual host are told apart, and the password is not shown', async () => {
  const url = parseAmqpUrl(amqpUrl());
  await assert.rejects(identify({ ...url, password: 'hunter2' }), (error: Error & { code: string }) => {
    assert.equal(error.code, 'UNAUTHENTICATED');
    assert.doesNotMatch(error.message, /hunter2/);
    return true;
  });
  await assert.rejects(identify({ ...url, vhost: 'nowhere' }), { code: 'PERMISSION_DENIED' });
});

test('where nothing listens, the cause says so', async () => {
  const [port = 0] = await freePorts(1);
  await assert.rejects(identify(at(port)), (error: Error & { reason: string }) => {
    assert.equal(error.reason, 'NO_BROKER');
    assert.equal((error.cause as NodeJS.ErrnoException).code, 'ECONNREFUSED');
    return true;
  });
});

test('a server of another protocol is no RabbitMQ', async (t) => {
  const web = await server(t, (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  await assert.rejects(identify(at(web.port)), /not as a RabbitMQ would \(not AMQP 0-9-1\)/);
});

test('a server that hangs up is no RabbitMQ', async (t) => {
  const rude = await server(t, (socket) => socket.once('data', () => socket.end()));
  await assert.rejects(identify(at(rude.port)), { reason: 'NO_BROKER' });
});

test('a server that says nothing is given up after the time limit', async (t) => {
  const silent = await server(t, () => {});
  await assert.rejects(identify(at(silent.port), { timeout: 100 }), /no answer in time/);
});

test('an abort rejects with its reason', async (t) => {
  const silent = await server(t, () => {});
  const reason = new Error('enough');
  const abort = new AbortController();
  const result = identify(at(silent.port), { signal: abort.signal });
  abort.abort(reason);
  await assert.rejects(result, reason);
});
