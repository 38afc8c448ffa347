import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { findEngine } from '../../src/rabbitmq/engine.ts';
import { cleanUp } from '../../test-helpers/programs.ts';
import type { Scope } from '../../test-helpers/rpc.ts';

/** A Unix socket whose connections are handled so. */
async function listen(t: Scope, onConnection: (socket: net.Socket) => void): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'fib-worker-engine-'));
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket.on('error', () => {}));
    onConnection(socket);
  });
  await once(server.listen(path.join(folder, 'docker.sock')), 'listening');
  cleanUp(t, async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await rm(folder, { recursive: true });
  });
  return `unix://${folder}/docker.sock`;
}

describe('a Docker engine', () => {
  it('that is named and is not there is an error of one line', async () => {
    const named = findEngine({ DOCKER_HOST: 'unix:///nowhere/docker.sock' });
    await assert.rejects(named, {
      message: 'no Docker engine answers at unix:///nowhere/docker.sock (ENOENT): see DOCKER_HOST',
    });
    await assert.rejects(findEngine({ DOCKER_HOST: 'tcp://127.0.0.1:1' }), {
      message: 'no Docker engine answers at tcp://127.0.0.1:1 (ECONNREFUSED): see DOCKER_HOST',
    });
  });

  it('that accepts and says nothing is waited for no longer than 5 s', async (t) => {
    const host = await listen(t, () => {});
    await assert.rejects(findEngine({}, host), {
      message: `no Docker engine answers at ${host} (no answer within 5 s)`,
    });
  });

  it('that is broken is an error of one line', async (t) => {
    const host = await listen(t, (socket) => socket.end('HTTP/1.1 500 Oops\r\n\r\n'));
    await assert.rejects(findEngine({}, host), { message: `no Docker engine answers at ${host} (it answers 500)` });
  });
});
