import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';

/** Where a broker, or a proxy before it, listens. */
export interface Endpoint {
  /** A name or an address, without an IPv6 literal's brackets. */
  readonly hostname: string;
  readonly port: number;
}

/** Lets a server listen on a free port of the loopback interface, and resolves to that port. */
export async function listenOnLoopback(server: Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}
