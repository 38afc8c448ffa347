import { once } from 'node:events';
import net from 'node:net';

/**
 * `count` different TCP ports that are free on the loopback interface now. Somebody else may take one before it is used:
 * be ready to try again with others.
 *
 * They lie below every system's ephemeral range (Linux: from 32768): from inside it, an outgoing connection could take the
 * port of a node that is being restarted, or a client that keeps dialling it connect to itself.
 */
export async function freePorts(count: number): Promise<number[]> {
  const held: net.Server[] = [];
  const ports: number[] = [];
  try {
    for (let attempt = 0; ports.length < count; attempt += 1) {
      if (attempt > 1_000) throw new Error('found no free TCP ports between 10240 and 32767');
      const port = 10_240 + Math.floor(Math.random() * (32_768 - 10_240));
      const server = await listen(port);
      if (!server) continue;
      held.push(server); // until all are found, so that they differ
      ports.push(port);
    }
    return ports;
  } finally {
    await Promise.all(held.map((server) => once(server.close(), 'close')));
  }
}

async function listen(port: number): Promise<net.Server | undefined> {
  const server = net.createServer();
  try {
    await once(server.listen({ port, host: '127.0.0.1', exclusive: true }), 'listening');
    return server;
  } catch {
    return undefined;
  }
}
