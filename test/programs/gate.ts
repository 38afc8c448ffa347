import { once } from 'node:events';
import { createServer } from 'node:http';
import net, { type AddressInfo, type Socket } from 'node:net';
import { cleanUp } from '../helpers/programs.ts';
import type { Scope } from '../helpers/rpc.ts';

/** A TCP proxy before the broker that can hold back what goes through it, as a broker that hangs does. */
export interface Gate {
  /** The broker's URL by way of the gate. */
  readonly url: string;
  /** While true, new connections are cut at once. */
  refuse: boolean;
  /** From now on nothing goes through, in either direction, until it is opened. */
  hold(): void;
  /** As `hold`, but only what goes to the broker. */
  holdUp(): void;
  /** Lets through what was held back, and what comes. */
  open(): void;
  /** Cuts every connection. */
  cut(): void;
  /** Resolves once somebody has connected. */
  connected(): Promise<void>;
}

/** Opens a {@link Gate} on a free port; it is closed when the test is over. */
export async function openGate(t: Scope, broker: string): Promise<Gate> {
  const { hostname, port } = new URL(broker);
  const sockets = new Set<Socket>();
  let held = false;
  const clients = new Set<Socket>();
  const server = net.createServer((near) => {
    if (gate.refuse) {
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
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(broker);
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const gate: Gate = {
    url: url.href,
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
  cleanUp(t, async () => {
    gate.cut();
    server.close();
    await once(server, 'close');
  });
  return gate;
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
