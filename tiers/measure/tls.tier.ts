import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import tls from 'node:tls';
import type { Target } from '../../src/measure/contenders/implementation.ts';
import { createAuthority } from '../../src/rabbitmq/certificates.ts';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { cases, never, openCaller, startServer } from '../../test-helpers/implementations.ts';
import { type Scope, testQueue } from '../../test-helpers/rpc.ts';

/** The broker behind something that ends TLS, as load balancers do. */
async function overTls(t: Scope, queue: string): Promise<Target> {
  const authority = createAuthority();
  const { hostname, port, username, password } = new URL(amqpUrl());
  const server = tls.createServer(authority.issue('localhost'), (near) => {
    const far = net.connect(Number(port) || 5672, hostname);
    near.pipe(far).pipe(near);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const login = username === '' ? '' : `${username}:${password}@`;
  const url = `amqps://${login}localhost:${(server.address() as AddressInfo).port}`;
  return { url, tls: { ca: authority.ca }, queue };
}

describe('over TLS', () => {
  for (const one of cases) {
    test(`${one.name} with ${one.design} replies calls and serves`, async (t) => {
      const to = await overTls(t, await testQueue(t));
      const strangers = openCaller(t, one, { ...to, tls: { ca: createAuthority('another CA').ca } });
      await assert.rejects(strangers.call('30', never), /certificate/);
      await startServer(t, one, to);
      const caller = openCaller(t, one, to);
      assert.equal(Buffer.from(await caller.call('30', never)).toString(), '832040');
      const body = Buffer.from(await caller.call('bytes:300000', never));
      assert.ok(body.equals(Buffer.alloc(300_000, 'x')));
    });
  }
});
