import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Child } from '../../src/measure/engine/child.ts';
import { DelayProxy } from '../../src/measure/wire/delay-proxy.ts';
import { listenOnLoopback } from '../../src/measure/wire/loopback.ts';
import { programFolder } from '../../test-helpers/built.ts';
import { deadUrl } from '../../test-helpers/programs.ts';
import { until } from '../../test-helpers/rpc.ts';

const MEGABYTE = 1024 * 1024;

/** Both ends of a connection through a proxy with this round-trip time, and when the client began to connect. */
async function connected(
  t: TestContext,
  rtt: number,
): Promise<{ client: Socket; server: Socket; proxy: DelayProxy; began: number }> {
  const listener = net.createServer({ allowHalfOpen: true });
  const to = { hostname: '127.0.0.1', port: await listenOnLoopback(listener) };
  const { proxy, port } = await DelayProxy.open(to, rtt);
  const accepted = once(listener, 'connection') as Promise<[Socket]>;
  const began = performance.now();
  const client = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const [server] = await accepted;
  t.after(async () => {
    client.destroy();
    server.destroy();
    await proxy.close();
    await new Promise((resolve) => listener.close(resolve));
  });
  return { client, server, proxy, began };
}

/** Sends a ping and resolves to how long it was until its echo came, in ms. */
async function ping(client: Socket, began = performance.now()): Promise<number> {
  client.write('ping');
  await once(client, 'data');
  return performance.now() - began;
}

describe('the proxy that delays', { concurrency: true }, () => {
  it('makes a round trip take its time at least, and connecting one more', async (t) => {
    const { client, server, proxy, began } = await connected(t, 100);
    server.pipe(server);
    const first = await ping(client, began);
    assert.ok(first >= 200, `connect and ping took ${first} ms`);
    const second = await ping(client);
    assert.ok(second >= 100, `a ping took ${second} ms`);
    const given = proxy.given();
    assert.equal(given?.chunks, 4);
    assert.ok(given.median >= 100 && given.p99 >= given.median, JSON.stringify(given));
    t.diagnostic(
      `100 ms asked for; connect and ping ${first}, ping ${second}, by its own account ${JSON.stringify(given)}`,
    );
  });

  it('delays everything that is under way at the same time, and keeps its order', async (t) => {
    const delay = 500;
    const { client, server } = await connected(t, 2 * delay);
    server.pipe(server);
    await ping(client);
    const sent = Array.from({ length: 60 }, (_, index) => `${index};`);
    let received = '';
    client.setEncoding('latin1').on('data', (text) => {
      received += text;
    });
    const began = performance.now();
    for (const text of sent) {
      client.write(text);
      await sleep(5); // so that they travel one by one
    }
    await until(() => received.length === sent.join('').length);
    assert.equal(received, sent.join(''));
    const took = performance.now() - began;
    assert.ok(took < sent.length * delay, `${took} ms: one after the other they would take ${sent.length * delay} ms`);
  });

  it('holds back who sends to one that does not read, and loses nothing', async (t) => {
    const { client, server } = await connected(t, 20);
    server.pause();
    const chunk = Buffer.alloc(MEGABYTE, 'x');
    const total = 256;
    let written = 0;
    const write = () => {
      while (written < total && !client.writableNeedDrain) {
        client.write(chunk);
        written++;
      }
      if (written === total) client.end();
    };
    client.on('drain', write);
    write();
    let before = -1;
    for (; before !== client.bytesWritten; await sleep(500)) before = client.bytesWritten;
    assert.ok(written < 100, `${written} MiB were taken of one that nobody reads`);
    let received = 0;
    server.on('data', (data) => {
      received += data.length;
    });
    server.resume();
    await once(server, 'end');
    assert.equal(received, total * MEGABYTE);
  });

  it('passes on the end of one direction, and leaves the other open', async (t) => {
    const { client, server } = await connected(t, 20);
    let heard = '';
    server.on('data', (data) => {
      heard += data;
    });
    client.end('request');
    await once(server, 'end');
    assert.equal(heard, 'request');
    server.end('reply');
    const [reply] = await once(client, 'data');
    assert.equal(String(reply), 'reply');
    await once(client, 'close');
  });

  it('passes on a reset, both ways, after what was sent before it', async (t) => {
    for (const side of ['client', 'server'] as const) {
      const { [side]: from, [side === 'client' ? 'server' : 'client']: to } = await connected(t, 20);
      const error = once(to, 'error').catch((reason: unknown) => [reason]);
      const heard = once(to, 'data');
      from.on('error', () => {});
      from.write('last words');
      await heard;
      from.resetAndDestroy();
      const [reason] = (await error) as [NodeJS.ErrnoException];
      assert.equal(reason.code, 'ECONNRESET', `sent by the ${side}`);
    }
  });

  it('resets a client whose broker is not there', async (t) => {
    const { hostname, port: to } = new URL(await deadUrl());
    const { proxy, port } = await DelayProxy.open({ hostname, port: Number(to) }, 1);
    t.after(() => proxy.close());
    const client = net.connect(port, '127.0.0.1');
    await assert.rejects(once(client, 'end'), { code: 'ECONNRESET' });
  });
});

describe('the process that delays', { concurrency: true }, () => {
  const options = (t: TestContext, onEnd = (_error: Error) => {}) => ({
    script: path.join(programFolder, 'compare-child.js'),
    env: {},
    onEnd,
    signal: t.signal,
  });

  it('delays, says what it really gave, and ends when it is stopped', async (t) => {
    const echo = net.createServer((socket) => socket.pipe(socket));
    const to = { hostname: '127.0.0.1', port: await listenOnLoopback(echo) };
    t.after(() => echo.close());
    const onEnd = t.mock.fn();
    const proxy = new Child('the proxy', options(t, onEnd));
    t.after(() => proxy.stop());
    const port = await proxy.ask('proxy', { to, rtt: 50 });
    assert.equal(await proxy.ask('given', undefined), undefined, 'nothing went through it');
    const began = performance.now();
    const client = net.connect(port, '127.0.0.1');
    const took = await ping(client, began);
    assert.ok(took >= 100, `connect and ping took ${took} ms`);
    client.destroy();
    const given = await proxy.ask('given', undefined);
    assert.equal(given?.chunks, 2);
    assert.ok(given.median >= 50, JSON.stringify(given));
    await proxy.stop();
    await assert.rejects(proxy.ask('given', undefined), /^Error: the proxy: the process ended$/);
    assert.equal(onEnd.mock.callCount(), 0);
  });

  it('tells when it ends by itself, or can not be started', async (t) => {
    const env = { AMQP_URL: await deadUrl() }; // with a broker the program would wait for an answer first
    for (const script of ['/nowhere.js', path.join(programFolder, 'compare-program.js')]) {
      const ended = new Promise<Error>((resolve) => {
        const child = new Child('the proxy', { ...options(t, resolve), script, env });
        child.ask('given', undefined).catch(() => {});
      });
      assert.match((await ended).message, /^the proxy ended: /);
    }
  });

  it('ends with the signal, whose reason is what its answers then are', async (t) => {
    const reason = new Error('enough');
    const stop = new AbortController();
    const onEnd = t.mock.fn();
    const proxy = new Child('the proxy', { ...options(t, onEnd), signal: stop.signal });
    await proxy.ask('proxy', { to: { hostname: '127.0.0.1', port: 9 }, rtt: 1 });
    stop.abort(reason);
    await assert.rejects(proxy.ask('given', undefined), reason);
    await proxy.stop();
    assert.equal(onEnd.mock.callCount(), 0);
  });
});
