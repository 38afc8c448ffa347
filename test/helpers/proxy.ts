import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import { listenOnLoopback } from '../../src/compare/wire/loopback.ts';
import { amqpUrl } from './broker.ts';
import type { Scope } from './rpc.ts';

/** A TCP proxy before the broker that can hold back what goes through it, as a broker that hangs does. */
export interface TcpProxy {
  /** The broker's URL by way of the proxy. */
  readonly url: string;
  /** How many connections were made through it, those that it refused included. */
  readonly connections: number;
  /** How many of them are still there. */
  readonly established: number;
  /** While true, new connections are cut at once. */
  refuse: boolean;
  /** From now on nothing goes through, in either direction, until it is opened. */
  hold(): void;
  /** As `hold`, but only what goes to the broker. */
  holdUp(): void;
  /** Lets through what was held back, and what comes. */
  open(): void;
  /** Cuts every connection (RST). */
  cut(): void;
  /** Resolves once somebody has connected. */
  connected(): Promise<void>;
}

/** Opens a {@link TcpProxy} on a free port; it is closed when the test is over. */
export async function openProxy(t: Scope, broker = amqpUrl()): Promise<TcpProxy> {
  const { hostname, port } = new URL(broker);
  const sockets = new Set<Socket>();
  let held = false;
  let connections = 0;
  const clients = new Set<Socket>();
  const server = net.createServer((near) => {
    connections++;
    if (proxy.refuse) {
      near.resetAndDestroy();
      return;
    }
    const far = net.connect(Number(port) || 5672, hostname.replace(/^\[(.*)\]$/, '$1'));
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.setNoDelay(true);
      from.on('data', (chunk) => to.write(chunk));
      from.on('end', () => to.end());
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      if (held) from.pause();
    }
    clients.add(near);
    near.on('close', () => clients.delete(near));
    server.emit('passed');
  });
  const url = new URL(broker);
  url.host = `127.0.0.1:${await listenOnLoopback(server)}`;
  const proxy: TcpProxy = {
    url: url.href,
    get connections() {
      return connections;
    },
    get established() {
      return clients.size;
    },
    refuse: false,
    hold() {
      held = true;
      for (const socket of sockets) socket.pause();
    },
    holdUp() {
      for (const socket of clients) socket.pause();
    },
    open() {
      held = false;
      for (const socket of sockets) socket.resume();
    },
    cut() {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    async connected() {
      if (sockets.size === 0) await once(server, 'passed');
    },
  };
  t.after(async () => {
    proxy.cut();
    server.close();
    await once(server, 'close');
  });
  return proxy;
}
