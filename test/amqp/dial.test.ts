import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import tls from 'node:tls';
import { type ConnectOptions, connect, Dialler } from '../../src/amqp/dial.ts';
import { parseAmqpUrl } from '../../src/amqp/url.ts';
import { createAuthority } from '../../src/rabbitmq/certificates.ts';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { openProxy } from '../../test-helpers/proxy.ts';
import { type Scope, startClient, startWorker, testQueue, until } from '../../test-helpers/rpc.ts';

/** A server that takes connections and says nothing, as a firewalled or hung broker does. */
async function silentServer(t: Scope): Promise<{ readonly url: string; readonly connections: () => number }> {
  let connections = 0;
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    connections++;
    sockets.add(socket.on('error', () => {}));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `amqp://127.0.0.1:${(server.address() as AddressInfo).port}`, connections: () => connections };
}

function dialler(t: Scope, urls: readonly string[], options?: ConnectOptions): Dialler {
  const made = new Dialler(urls.map(parseAmqpUrl), options);
  t.after(() => made.close());
  return made;
}

describe('of several URLs', { concurrency: true }, () => {
  test('a silent one does not hold up the next, and the one that answered is tried first from then on', async (t) => {
    const silent = await silentServer(t);
    const proxy = await openProxy(t);
    // an attempt by itself would wait for longer than this test may take
    const dial = dialler(t, [silent.url, proxy.url], { timeout: 600_000 });
    for (const round of [1, 2, 3]) {
      const connection = await dial.connect();
      assert.equal(connection.url.port, Number(new URL(proxy.url).port));
      assert.equal(proxy.connections, round);
      await connection.close();
    }
    assert.equal(silent.connections(), 1);
  });

  test('the second is tried at once where the first refuses, and an error tells of both', async (t) => {
    const proxy = await openProxy(t);
    proxy.refuse = true;
    const wrong = new URL(amqpUrl());
    wrong.password = 'wrong';
    const dial = dialler(t, [proxy.url, wrong.href]);
    await assert.rejects(dial.connect(), {
      code: 'UNAUTHENTICATED',
      reason: 'ACCESS_REFUSED',
      message: /check the port.*; RabbitMQ at .* refused the user/,
    });
    assert.equal(proxy.connections, 1);
    proxy.refuse = false;
    await (await dial.connect()).close();
  });

  test('calls whose time limit is shorter than a silent URL takes are answered', async (t) => {
    const queue = await testQueue(t);
    await startWorker(t, () => 'ok', { queue });
    const silent = await silentServer(t);
    const { client } = startClient(t, { queue, urls: [silent.url, amqpUrl()], timeout: 8_000 });
    assert.equal(String((await client.call('1')).body), 'ok');
  });

  test('a worker consumes though the first is silent', async (t) => {
    const queue = await testQueue(t);
    const silent = await silentServer(t);
    const { events } = await startWorker(t, () => 'ok', { queue, urls: [silent.url, amqpUrl()] });
    assert.deepEqual(
      events.map(({ type }) => type),
      ['connected', 'queue', 'consuming'],
    );
  });
});

describe('an attempt to connect', { concurrency: true }, () => {
  test('goes on while nobody waits for it, for the next who asks', async (t) => {
    const proxy = await openProxy(t);
    proxy.hold();
    const dial = dialler(t, [proxy.url], { timeout: 600_000 });
    for (const limit of [20, 50]) {
      await assert.rejects(dial.connect(AbortSignal.timeout(limit)), { name: 'TimeoutError' });
    }
    proxy.open();
    const connection = await dial.connect();
    assert.equal(proxy.connections, 1);
    await connection.close();
  });

  test('outlasts the calls that began it: those that come later are answered', async (t) => {
    const queue = await testQueue(t);
    await startWorker(t, () => 'ok', { queue });
    const proxy = await openProxy(t);
    proxy.hold();
    const { client } = startClient(t, { queue, urls: proxy.url });
    for (const timeout of [50, 50, 50])
      await assert.rejects(client.call('1', { timeout }), { code: 'DEADLINE_EXCEEDED' });
    proxy.open();
    assert.equal(String((await client.call('2')).body), 'ok');
    assert.equal(proxy.connections, 1);
  });

  test('that came through while nobody waited is not handed on once it is lost', async (t) => {
    const proxy = await openProxy(t);
    proxy.hold();
    const dial = dialler(t, [proxy.url]);
    await assert.rejects(dial.connect(AbortSignal.timeout(20)));
    proxy.open();
    await until(() => dial.idle);
    proxy.cut();
    await until(() => !dial.idle);
    const connection = await dial.connect();
    const channel = await connection.openChannel();
    assert.equal(channel.active, true);
    assert.equal(proxy.connections, 2);
    await connection.close();
  });

  test('is over when its dialler is closed, and so is a connection that nobody took', async (t) => {
    const proxy = await openProxy(t);
    proxy.hold();
    const dial = dialler(t, [proxy.url], { timeout: 600_000 });
    const refused = assert.rejects(dial.connect(), { code: 'UNAVAILABLE', reason: 'CONNECTION_LOST' });
    await proxy.connected();
    await dial.close();
    await refused;
    await until(() => proxy.established === 0);
    await assert.rejects(dial.connect(), { reason: 'CONNECTION_LOST' });

    proxy.open();
    const other = dialler(t, [proxy.url]);
    await assert.rejects(other.connect(AbortSignal.abort(new Error('never asked'))), /never asked/);
    const cancel = new AbortController();
    const given = assert.rejects(other.connect(cancel.signal), /given up/);
    cancel.abort(new Error('given up'));
    await given;
    await until(() => other.idle);
    await other.close();
    await until(() => proxy.established === 0);
  });
});

/** A front before the broker that ends TLS, and remembers by which name it was asked for. */
async function tlsFront(t: Scope, ...names: string[]): Promise<{ port: number; ca: string; asked: unknown[] }> {
  const authority = createAuthority();
  const asked: unknown[] = [];
  const broker = new URL(amqpUrl());
  const server = tls.createServer(authority.issue(...names), (near) => {
    asked.push(near.servername);
    const far = net.connect(Number(broker.port) || 5672, broker.hostname);
    near.pipe(far).pipe(near);
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy());
  });
  server.on('tlsClientError', () => {});
  server.listen(0);
  await once(server, 'listening');
  t.after(() => server.close());
  return { port: (server.address() as AddressInfo).port, ca: authority.ca, asked };
}

describe('amqps:// names the server it wants (SNI)', () => {
  const wanted: readonly (readonly [what: string, host: string, servername: string | undefined, asked: unknown])[] = [
    ['as the URL does', 'localhost', undefined, 'localhost'],
    ['not if that is an address', '127.0.0.1', undefined, false],
    ['as tls.servername says', '127.0.0.1', 'broker.example', 'broker.example'],
    ['as tls.servername says, not as the URL does', 'localhost', 'broker.example', 'broker.example'],
  ];
  for (const [what, host, servername, expected] of wanted) {
    test(what, async (t) => {
      const { port, ca, asked } = await tlsFront(t, servername ?? host);
      const { username, password } = new URL(amqpUrl());
      const url = parseAmqpUrl(`amqps://${username || 'guest'}:${password || 'guest'}@${host}:${port}`);
      const connection = await connect(url, { tls: { ca, ...(servername && { servername }) } });
      await connection.close();
      assert.deepEqual(asked, [expected]);
    });
  }
});
