import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';

/** The address where a broker, or a proxy before it, listens. */
export interface Endpoint {
  /** A name or an address, without an IPv6 literal's brackets. */
  readonly hostname: string;
  readonly port: number;
}

/** The clients that may connect at once, if the system allows it: Node's 511 are fewer than a workload's clients. */
const BACKLOG = 4_096;

/** Lets a server listen on a free port of 127.0.0.1, and resolves to that port. */
export async function listenOnLoopback(server: Server): Promise<number> {
  await once(server.listen({ port: 0, host: '127.0.0.1', backlog: BACKLOG }), 'listening');
  return (server.address() as AddressInfo).port;
}
