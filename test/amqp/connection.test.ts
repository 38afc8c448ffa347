import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { Connection } from 'rabbitmq-client/lib/Connection.js';
import type { Delivery } from '../../src/amqp/channel.ts';
import type { BrokerConnection } from '../../src/amqp/connection.ts';
import { connect } from '../../src/amqp/dial.ts';
import { parseAmqpUrl } from '../../src/amqp/url.ts';
import { listenOnLoopback } from '../../src/measure/wire/loopback.ts';
import { RpcError } from '../../src/protocol/errors.ts';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { openProxy } from '../../test-helpers/proxy.ts';
import { frame, int, long, method, short, table } from '../../test-helpers/raw-amqp.ts';
import { openRaw, type Scope, startClient, startWorker, testQueue, until } from '../../test-helpers/rpc.ts';

const BODY_FRAME = 3;

/** A frame of a body. */
function bodyFrame(channel: number, payload: Buffer): Buffer {
  const header = Buffer.from([BODY_FRAME, 0, channel, 0, 0, 0, payload.length]);
  return Buffer.concat([header, payload, Buffer.from([0xce])]);
}

/** The URL of a proxy that passes on all that a broker sends, but each frame of a body as `reframe` says. */
async function behindProxy(t: Scope, reframe: (payload: Buffer) => readonly Buffer[]): Promise<string> {
  const url = new URL(amqpUrl());
  const broker = { host: url.hostname, port: Number(url.port) };
  const server = net.createServer((near) => {
    const far = net.connect(broker);
    for (const socket of [near, far]) socket.on('error', () => {}).on('close', () => near.destroy() && far.destroy());
    near.pipe(far);
    let octets = Buffer.alloc(0);
    far.on('data', (chunk) => {
      octets = Buffer.concat([octets, chunk]);
      while (octets.length >= 8 && octets.length >= octets.readUInt32BE(3) + 8) {
        const frame = octets.subarray(0, octets.readUInt32BE(3) + 8);
        octets = octets.subarray(frame.length);
        if (frame[0] !== BODY_FRAME) near.write(frame);
        else for (const part of reframe(frame.subarray(7, -1))) near.write(bodyFrame(frame.readUInt16BE(1), part));
      }
    });
  });
  t.after(() => server.close());
  url.port = String(await listenOnLoopback(server));
  return url.href;
}

/** A connection whose end is kept. */
async function open(t: Scope, url = amqpUrl()): Promise<{ connection: BrokerConnection; lost: Promise<Error> }> {
  const connection = await connect(parseAmqpUrl(url));
  t.after(() => connection.close());
  const lost = new Promise<Error>((resolve) => {
    connection.observer = { onLost: resolve };
  });
  return { connection, lost };
}

/** A proxy before the broker that stops reading what it is sent when it is told to. */
async function behindGate(t: Scope): Promise<{ url: string; close(): void; open(): void }> {
  const url = new URL(amqpUrl());
  const broker = { host: url.hostname, port: Number(url.port) };
  const sockets: net.Socket[] = [];
  const server = net.createServer((near) => {
    const far = net.connect(broker);
    for (const socket of [near, far]) socket.on('error', () => {}).on('close', () => near.destroy() && far.destroy());
    near.on('data', (chunk) => far.write(chunk));
    far.pipe(near);
    sockets.push(near);
  });
  t.after(() => server.close());
  url.port = String(await listenOnLoopback(server));
  return {
    url: url.href,
    close: () => sockets.forEach((socket) => void socket.pause()),
    open: () => sockets.forEach((socket) => void socket.resume()),
  };
}

/** Holds the event loop. */
function busy(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; );
}

const octets = (payload: Buffer) => [...payload].map((octet) => Buffer.from([octet]));

describe('a body', () => {
  test('that comes in frames of one octet is whole, in a request and in a reply', async (t) => {
    const url = await behindProxy(t, octets);
    const queue = await testQueue(t);
    await startWorker(t, ({ body }) => `got ${body}`, { queue, urls: url });
    const { client } = startClient(t, { queue, urls: url });
    for (const body of ['abcd', '', 'x', 'x'.repeat(1_000)])
      assert.equal(String((await client.call(body)).body), `got ${body}`);
  });

  const wrong: Record<string, (payload: Buffer) => readonly Buffer[]> = {
    'less than was announced': (payload) => [payload.subarray(1)],
    'no frame though one was announced': () => [],
    'more than was announced': (payload) => [Buffer.concat([payload, payload])],
    'another frame when it is complete': (payload) => [payload, payload],
    'an empty frame': (payload) => [payload.subarray(1), Buffer.alloc(0), payload.subarray(0, 1)],
  };
  for (const [what, reframe] of Object.entries(wrong)) {
    test(`that has ${what} is never handed over, and ends the connection`, async (t) => {
      const { connection, lost } = await open(t, await behindProxy(t, reframe));
      const channel = await connection.openChannel();
      const { queue } = await channel.queueDeclare({ exclusive: true });
      const bodies: string[] = [];
      await channel.basicConsume({ queue, noAck: true }, ({ body }) => bodies.push(String(body)));
      channel.publish({ routingKey: queue }, Buffer.from('abcd'));
      channel.publish({ routingKey: queue }, Buffer.from('efgh'));
      const error = await lost;
      assert.ok('code' in error && ['FRAME_ERROR', 'UNEXPECTED_FRAME'].includes(String(error.code)), String(error));
      assert.deepEqual(
        bodies.filter((body) => body !== 'abcd'),
        [],
      );
    });
  }

  test('of any size goes out behind those before it, also while the socket asks to wait', async (t) => {
    const gate = await behindGate(t);
    const { connection } = await open(t, gate.url);
    const channel = await connection.openChannel();
    const { queue } = await channel.queueDeclare({ exclusive: true });
    const got: Delivery[] = [];
    await channel.basicConsume({ queue, noAck: true }, (message) => got.push(message));
    gate.close();
    const sizes = Array.from({ length: 300 }, (_, index) => [0, 10, 5_000, 20_000, 300_000][index % 5] ?? 0);
    for (const [index, size] of sizes.entries()) {
      channel.publish({ routingKey: queue, messageId: String(index), headers: { index } }, Buffer.alloc(size, index));
      if (index % 50 === 0) await new Promise(setImmediate);
    }
    gate.open();
    await until(() => got.length === sizes.length);
    for (const [index, { messageId, headers, body }] of got.entries()) {
      assert.deepEqual([messageId, headers?.index, body.length], [String(index), index, sizes[index]]);
      assert.ok(body.every((octet) => octet === index % 256));
    }
  });
});

describe('a connection', () => {
  test('knows what the broker says about itself', async (t) => {
    const { connection } = await open(t);
    const { product, version, capabilities } = connection.serverProperties;
    assert.equal(product, 'RabbitMQ');
    assert.match(String(version), /^\d+\.\d+/);
    assert.ok(typeof capabilities === 'object' && capabilities !== null && 'basic.nack' in capabilities);
  });

  const others: Record<string, Buffer> = {
    'an HTTP server': Buffer.from('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'),
    'a mail server': Buffer.from('220 mail ESMTP\r\n'),
    'a TLS server': Buffer.from([0x15, 3, 3, 0, 2, 2, 70, 0, 0, 0]),
    'a server that announces an enormous first frame': Buffer.from([1, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0]),
    'a server that begins with a heartbeat': Buffer.from([8, 0, 0, 0, 0, 0, 0, 0xce]),
    'a server whose first method is cut off': Buffer.from([1, 0, 0, 0, 0, 0, 100, 0, 10]),
    'a server that wants another version of AMQP': Buffer.from('AMQP\x03\x01\x00\x00'),
  };
  for (const [what, greeting] of Object.entries(others)) {
    test(`to ${what} is refused with an error that says so`, async (t) => {
      const server = net.createServer((socket) => socket.on('error', () => {}).end(greeting));
      t.after(() => server.close());
      const url = parseAmqpUrl(`amqp://127.0.0.1:${await listenOnLoopback(server)}`);
      await assert.rejects(connect(url), { reason: 'NO_BROKER', message: /answers, but not as a RabbitMQ would/ });
    });
  }

  test('to a server that says more than any RabbitMQ is refused with an error for people', async (t) => {
    const start = (mechanisms: string) =>
      method(0, 10, 10, int(2, 9), table(Buffer.alloc(0)), long(Buffer.from(mechanisms)), long(Buffer.from('en_US')));
    const endless = '\x1b[31m'.repeat(100_000);
    for (const greeting of [
      start(endless),
      Buffer.concat([start('PLAIN'), method(0, 10, 20, long(Buffer.from(endless)))]), // connection.secure
    ]) {
      const server = net.createServer((socket) => socket.on('error', () => {}).write(greeting));
      t.after(() => server.close());
      const url = parseAmqpUrl(`amqp://127.0.0.1:${await listenOnLoopback(server)}`);
      const error: unknown = await connect(url).catch((thrown) => thrown);
      assert.ok(error instanceof RpcError);
      assert.match(error.message, /^\P{Cc}{100,1000}$/u);
      assert.match(inspect(error), /^(\P{Cc}|\n){100,5000}$/u, 'nor is its cause any longer');
    }
  });

  test('takes heartbeats that come before the login is over', async (t) => {
    const heartbeat = frame(8, 0, Buffer.alloc(0));
    const proxy = await openProxy(t);
    proxy.sayBefore(10, 41, Buffer.concat([heartbeat, heartbeat])); // connection.open-ok
    const { connection } = await open(t, proxy.url);
    await (await connection.openChannel()).basicQos({ prefetchCount: 1 });
  });

  test('that is refused has a cause that reads well', async () => {
    const url = new URL(amqpUrl());
    url.username = 'nobody';
    await assert.rejects(connect(parseAmqpUrl(url.href)), ({ cause }: Error) => {
      assert.match(String(cause), /^AMQPConnectionError: ACCESS_REFUSED/);
      return true;
    });
  });

  test('that closes takes its channels along, and what was said on them before goes out', async (t) => {
    const queue = await testQueue(t);
    const { connection } = await open(t);
    const channels = await Promise.all([connection.openChannel(), connection.openChannel()]);
    const closed = channels.map((channel) => new Promise<void>((resolve) => channel.once('close', resolve)));
    for (const channel of channels) channel.publish({ routingKey: queue }, Buffer.alloc(200_000));
    await connection.close();
    await Promise.all(closed);
    for (const channel of channels) {
      assert.equal(channel.active, false);
      assert.throws(() => channel.publish({ routingKey: queue }, Buffer.from('late')), { code: 'CH_CLOSE' });
      await assert.rejects(channel.queueDeclare({ queue, passive: true }), /closed/);
      await channel.close();
    }
    const raw = await openRaw(t);
    assert.equal((await raw.channel.queueDeclare({ queue, passive: true })).messageCount, 2);
  });

  test('that is blocked for one reason and then for another goes on once it is unblocked', async (t) => {
    const proxy = await openProxy(t);
    const { connection } = await open(t, proxy.url);
    const channel = await connection.openChannel();
    proxy.say(method(0, 10, 60, short('low on memory')));
    proxy.say(method(0, 10, 60, short('low on memory & disk')));
    await until(() => connection.blocked);
    const asked = channel.basicQos({ prefetchCount: 1 });
    proxy.say(method(0, 10, 61));
    await asked;
    assert.equal(connection.blocked, false);
  });

  test('reads little ahead of what is handed over, so that whoever sends faster fills no memory here', async (t) => {
    const size = 262_144;
    const queue = await testQueue(t);
    const raw = await openRaw(t);
    for (let count = 0; count < 100; count++) await raw.publish(queue, Buffer.alloc(size));
    await until(async () => (await raw.channel.queueDeclare({ queue, passive: true })).messageCount === 100);
    const connected = t.mock.method(net, 'connect');
    const { connection } = await open(t);
    const socket: net.Socket | undefined = connected.mock.calls[0]?.result;
    const channel = await connection.openChannel();
    let handedOver = 0;
    let ahead = 0;
    await channel.basicConsume({ queue, noAck: true }, () => {
      ahead = Math.max(ahead, (socket?.bytesRead ?? Number.NaN) - handedOver++ * size);
      busy(10);
    });
    await until(() => handedOver === 100);
    assert.ok(ahead < 8 * 1_048_576, `it has read ${ahead} octets ahead`);
    await channel.basicQos({ prefetchCount: 1 });
  });

  test('that reads nothing for a while, because much is to be handed over, is not taken for a dead one', async (t) => {
    const queue = await testQueue(t);
    const raw = await openRaw(t);
    for (let count = 0; count < 70; count++) await raw.publish(queue, Buffer.alloc(65_536));
    const { connection, lost } = await open(t, `${amqpUrl()}?heartbeat=1`);
    const channel = await connection.openChannel();
    let handedOver = 0;
    await channel.basicConsume({ queue, noAck: true }, () => {
      handedOver++;
      busy(60);
    });
    await Promise.race([until(() => handedOver === 70), lost.then((error) => assert.fail(error))]);
  });

  test('leaves rabbitmq-client as it is for a program that uses it as well', async (t) => {
    await open(t);
    const { hostname, port } = new URL(amqpUrl());
    const options = { hostname, port: Number(port), username: 'guest', password: 'guest', vhost: '/' };
    const own = new Connection({ ...options, tls: false, heartbeat: 0, frameMax: 8_192, connectionTimeout: 10_000 });
    t.after(() => own.unsafeDestroy());
    await once(own, 'connection');
    assert.equal(Object.getPrototypeOf(own), Connection.prototype);
    assert.equal('serverProperties' in own, false);
    await own.close();
  });
});

describe('a channel', () => {
  test('that the broker closes rejects the method that is to blame, and closes alone', async (t) => {
    const { connection } = await open(t);
    const [one, other] = await Promise.all([connection.openChannel(), connection.openChannel()]);
    const behind = [one.queueDeclare({ queue: 'nobody.has.this', passive: true }), one.basicQos({ prefetchCount: 1 })];
    await assert.rejects(behind[0] ?? Promise.resolve(), { code: 'NOT_FOUND', message: /^QueueDeclare: NOT_FOUND/ });
    await assert.rejects(behind[1] ?? Promise.resolve(), { code: 'CH_CLOSE' });
    assert.equal(one.active, false);
    await other.basicQos({ prefetchCount: 1 });
  });

  test('hands over what was delivered right behind the answer to its consume, and nothing after its cancel', async (t) => {
    const queue = await testQueue(t);
    const raw = await openRaw(t);
    for (let count = 0; count < 20; count++) await raw.publish(queue, String(count));
    const { connection } = await open(t);
    const channel = await connection.openChannel();
    const got: string[] = [];
    const consumed = channel.basicConsume({ queue, noAck: true }, ({ body }) => got.push(String(body)));
    const { consumerTag } = await consumed;
    await channel.basicCancel(consumerTag);
    const before = got.length;
    await channel.basicQos({ prefetchCount: 1 });
    assert.equal(got.length, before);
    const { messageCount } = await channel.queueDeclare({ queue, passive: true });
    assert.equal(before + messageCount, 20);
    assert.deepEqual(
      got,
      got.map((_, index) => String(index)),
    );
  });

  test('that the broker closes hands over before what it delivered without an ack: nobody gets that again', async (t) => {
    const queue = await testQueue(t);
    const { connection } = await open(t);
    const [channel, publisher] = await Promise.all([connection.openChannel(), connection.openChannel()]);
    let delivered = 0;
    const slowly = () => {
      delivered++;
      for (const since = performance.now(); performance.now() - since < 1; );
    };
    const atItsEnd = new Promise<number>((resolve) => channel.once('close', () => resolve(delivered)));
    for (let count = 0; count < 200; count++) publisher.publish({ routingKey: queue }, Buffer.from('x'));
    await publisher.queueDeclare({ queue, passive: true });
    await channel.basicConsume({ queue, noAck: true, nowait: true, consumerTag: 'all' }, slowly);
    await until(() => delivered > 0);
    const refused = channel.queueDeclare({ queue: 'nobody.has.this', passive: true });
    await assert.rejects(refused, { code: 'NOT_FOUND' });
    const before = await atItsEnd;
    const { messageCount } = await publisher.queueDeclare({ queue, passive: true });
    assert.equal(before + messageCount, 200);
    await until(() => delivered === before);
  });

  test('whose method is answered by another ends with its connection, and the method with it', async (t) => {
    const proxy = await openProxy(t);
    const { connection, lost } = await open(t, proxy.url);
    const channel = await connection.openChannel();
    proxy.hold();
    const asked = channel.basicQos({ prefetchCount: 1 });
    proxy.say(method(1, 20, 11, Buffer.alloc(4))); // channel.open-ok
    await assert.rejects(asked, { code: 'UNEXPECTED_FRAME' });
    assert.match(String(await lost), /ChannelOpenOK/);
  });

  test('opens although its number belonged to one that both ends closed at once', async (t) => {
    const proxy = await openProxy(t);
    const { connection } = await open(t, proxy.url);
    proxy.hold();
    const opened = connection.openChannel();
    proxy.say(method(1, 20, 41)); // channel.close-ok, what RabbitMQ answers to a close that crosses its own
    await sleep(20);
    proxy.open();
    const channel = await opened;
    await channel.basicQos({ prefetchCount: 1 });
  });

  test('says what is said right before a write in the same one, behind all else of the turn', async (t) => {
    const queue = await testQueue(t);
    const { connection } = await open(t);
    const channel = await connection.openChannel();
    const happened: string[] = [];
    channel.beforeWrite(() => {
      happened.push('before the write');
      channel.publish({ routingKey: queue, messageId: '3' }, Buffer.from('x'));
    });
    channel.publish({ routingKey: queue, messageId: '1' }, Buffer.from('x'));
    channel.publish({ routingKey: queue, messageId: '2' }, Buffer.alloc(100_000));
    happened.push('said');
    const inbox = await (await openRaw(t)).consume(queue);
    const ids = [await inbox.next(), await inbox.next(), await inbox.next()].map(({ messageId }) => messageId);
    assert.deepEqual(ids, ['1', '2', '3']);
    assert.deepEqual(happened, ['said', 'before the write']);
  });
});
