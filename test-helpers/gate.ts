import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { cleanUp } from './programs.ts';
import { openProxy, type TcpProxy } from './proxy.ts';
import type { Scope } from './rpc.ts';

/** Opens a {@link TcpProxy} that is closed after the programs that use it. */
export function openGate(t: Scope, broker: string): Promise<TcpProxy> {
  return openProxy({ after: (end) => cleanUp(t, end) }, broker);
}

/** An AMQP URL that leads to an HTTP server; it is closed when the test is over. */
export async function httpServer(t: Scope): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUp(t, async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return `amqp://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
