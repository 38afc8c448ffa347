import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import { amqpUrl } from './broker.ts';
import type { Scope } from './rpc.ts';

/** A TCP proxy before the broker, to cut connections. */
export interface Proxy {
  /** The broker's URL by way of the proxy. */
  readonly url: string;
  /** How many connections were made through it. */
  readonly connections: number;
  /** Cuts every connection (RST). Later ones pass unless it refuses them. */
  cut(): void;
  /** While true, new connections are cut at once. */
  refuse: boolean;
}

/** Opens a {@link Proxy} on a free port, closed when the test is over. */
export async function openProxy(t: Scope, broker = amqpUrl()): Promise<Proxy> {
  const target = new URL(broker);
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = net.createServer((near) => {
    connections++;
    if (proxy.refuse) {
      near.resetAndDestroy();
      return;
    }
    const far = net.connect(Number(target.port) || 5672, target.hostname);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.setNoDelay(true);
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(broker);
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const proxy = {
    url: url.href,
    get connections() {
      return connections;
    },
    refuse: false,
    cut() {
      for (const socket of sockets) socket.resetAndDestroy();
    },
  };
  t.after(() => {
    proxy.cut();
    server.close();
  });
  return proxy;
}
