import { once } from 'node:events';

import net, { type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { listenOnLoopback } from '../src/measure/wire/loopback.ts';

import { amqpUrl } from './broker.ts';
import type { Scope } from './rpc.ts';

/** A TCP proxy before the broker that can do to what goes through it what networks, and brokers that hang, do. */
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
  /**
   * Lets through to the broker what comes before the next AMQP method of this class and number, and on that connection
   * nothing from there on, for good. Resolves when the method has come.
   */
  holdUpFrom(classId: number, methodId: number): Promise<void>;
  /** Lets through what was held back, and what comes. */
  open(): void;
  /** Leaves the connections that there are half-open: nothing passes any more, not even their end. New ones pass. */
  blackhole(): void;
  /** Holds back each piece that comes for `delay` ms, and lets through no more than `rate` bytes a second. */
  slow(how: { readonly delay?: number; readonly rate?: number }): void;
  /** Says this to everybody who is connected, as if the broker had. */
  say(octets: Buffer): void;
  /** Says this to everybody who connects from now on, before the broker's next AMQP method of this class and number. */
  sayBefore(classId: number, methodId: number, octets: Buffer): void;
  /** Cuts every connection (RST). */
  cut(): void;
  /** Resolves once somebody has connected. */
  connected(): Promise<void>;
  /** Cuts every connection and takes no more; the end of the test does so, too. */
  close(): Promise<void>;
}

/** Opens a {@link TcpProxy} on a free port; it is closed when the test is over. */
export async function openProxy(t: Scope, broker = amqpUrl()): Promise<TcpProxy> {
  const { hostname, port } = new URL(broker);
  const sockets = new Set<Socket>();
  let held = false;
  let connections = 0;
  let delay = 0;
  let rate = Number.POSITIVE_INFINITY;
  let said: { readonly before: Buffer; readonly octets: Buffer } | undefined;
  let trap: { readonly method: Buffer; readonly sprung: () => void } | undefined;
  const clients = new Set<Socket>();
  /** Sockets whose data and end are swallowed. */
  const dead = new Set<Socket>();
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
      from.on('data', (chunk) => {
        if (!dead.has(from)) pass(from, to, from === near ? beforeTrap(near, chunk) : withSaid(chunk));
      });
      from.on('end', () => {
        if (!dead.has(from)) to.end();
      });
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        if (!dead.has(from)) to.destroy();
      });
      if (held) from.pause();
    }
    clients.add(near);
    near.on('close', () => clients.delete(near));
    server.emit('passed');
  });

  function pass(from: Socket, to: Socket, chunk: Buffer): void {
    if (delay === 0 && rate === Number.POSITIVE_INFINITY) {
      to.write(chunk);
      return;
    }
    from.pause();
    void slowly(chunk, to).then(() => {
      if (!held) from.resume();
    });
  }

  async function slowly(chunk: Buffer, to: Socket): Promise<void> {
    await sleep(delay);
    for (let rest = chunk; rest.length > 0 && to.writable; ) {
      const size = Math.max(1, Math.min(rest.length, Math.floor(rate / 50)));
      to.write(rest.subarray(0, size));
      rest = rest.subarray(size);
      if (rate < Number.POSITIVE_INFINITY) await sleep(20);
    }
  }

  /** Frames begin 7 octets before their class: type, channel, size. */
  function beforeTrap(near: Socket, chunk: Buffer): Buffer {
    const at = trap ? chunk.indexOf(trap.method) : -1;
    if (at < 0) return chunk;
    trap?.sprung();
    trap = undefined;
    near.pause();
    return chunk.subarray(0, at - 7);
  }

  function withSaid(chunk: Buffer): Buffer {
    const at = said ? chunk.indexOf(said.before) - 7 : -1;
    if (!said || at < 0) return chunk;
    return Buffer.concat([chunk.subarray(0, at), said.octets, chunk.subarray(at)]);
  }

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
    holdUpFrom(classId, methodId) {
      return new Promise((sprung) => {
        trap = { method: Buffer.from([0, classId, 0, methodId]), sprung };
      });
    },
    open() {
      held = false;
      for (const socket of sockets) socket.resume();
    },
    blackhole() {
      for (const socket of sockets) dead.add(socket);
    },
    slow(how) {
      delay = how.delay ?? 0;
      rate = how.rate ?? Number.POSITIVE_INFINITY;
    },
    say(octets) {
      for (const socket of clients) socket.write(octets);
    },
    sayBefore(classId, methodId, octets) {
      said = { before: Buffer.from([0, classId, 0, methodId]), octets };
    },
    cut() {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    async connected() {
      if (sockets.size === 0) await once(server, 'passed');
    },
    async close() {
      proxy.cut();
      if (!server.listening) return;
      server.close();
      await once(server, 'close');
    },
  };
  t.after(() => proxy.close());
  return proxy;
}
