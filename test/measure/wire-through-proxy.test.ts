import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import net from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { createServer, type PeerCertificate } from 'node:tls';
import { connect } from '../../src/amqp/dial.ts';
import { parseAmqpUrl } from '../../src/amqp/url.ts';
import type { Target } from '../../src/measure/contenders/implementation.ts';
import { DelayProxy } from '../../src/measure/wire/delay-proxy.ts';
import { listenOnLoopback } from '../../src/measure/wire/loopback.ts';
import { throughProxy } from '../../src/measure/wire/through-proxy.ts';
import { createAuthority } from '../../src/rabbitmq/certificates.ts';
import { amqpUrl } from '../../test-helpers/broker.ts';

/** Speaks TLS before the broker with a certificate for this name, and resolves to its place as a target. */
async function overTls(t: TestContext, name: string): Promise<Target> {
  const broker = parseAmqpUrl(amqpUrl());
  const authority = createAuthority();
  const server = createServer(authority.issue(name), (near) => {
    const far = net.connect(broker.port, broker.hostname);
    near.pipe(far).pipe(near);
    for (const [one, other] of [[near, far] as const, [far, near] as const]) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  });
  const port = await listenOnLoopback(server);
  t.after(() => server.close());
  const url = Object.assign(new URL(amqpUrl()), { host: `localhost:${port}` });
  return { url: url.href.replace(/^amqp:/, 'amqps:'), tls: { ca: authority.ca }, queue: 'q' };
}

/** The target by way of a proxy. */
async function proxied(t: TestContext, target: Target): Promise<Target> {
  const { proxy, port } = await DelayProxy.open({ ...parseAmqpUrl(target.url), hostname: '127.0.0.1' }, 2);
  t.after(() => proxy.close());
  return throughProxy(target, port);
}

describe('a target by way of a proxy', { concurrency: true }, () => {
  it('is on the loopback interface, and all else is as it was', () => {
    const target = { url: 'amqp://me:s%40cret@broker.example:5673/my%2Fhost?heartbeat=5', tls: undefined, queue: 'q' };
    assert.deepEqual(throughProxy(target, 40_000), {
      url: 'amqp://me:s%40cret@127.0.0.1:40000/my%2Fhost?heartbeat=5',
      tls: undefined,
      queue: 'q',
    });
    assert.equal(throughProxy({ ...target, url: 'amqp://[::1]' }, 40_000).url, 'amqp://127.0.0.1:40000');
  });

  it('answers over TLS with the broker’s own name', async (t) => {
    const { url, tls } = await proxied(t, await overTls(t, 'localhost'));
    const connection = await connect(parseAmqpUrl(url), { tls });
    await connection.close();
  });

  it('is refused over TLS if the certificate is not the broker’s, even if it is the proxy’s', async (t) => {
    for (const name of ['elsewhere.example', '127.0.0.1']) {
      const { url, tls } = await proxied(t, await overTls(t, name));
      await assert.rejects(connect(parseAmqpUrl(url), { tls }), /ERR_TLS_CERT_ALTNAME_INVALID/);
    }
  });

  it('is checked against the broker’s address where that is all that the URL gives', () => {
    const { tls } = throughProxy({ url: 'amqps://10.0.0.1', tls: undefined, queue: 'q' }, 40_000);
    const certificateOf = (address: string) =>
      ({ subject: { CN: 'x' }, subjectaltname: `IP Address:${address}` }) as unknown as PeerCertificate;
    assert.equal(tls?.servername, undefined);
    assert.equal(tls?.checkServerIdentity?.('127.0.0.1', certificateOf('10.0.0.1')), undefined);
    assert.match(String(tls?.checkServerIdentity?.('127.0.0.1', certificateOf('127.0.0.1'))), /10\.0\.0\.1 is not in/);
  });
});
