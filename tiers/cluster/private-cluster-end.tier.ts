import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { test } from 'node:test';
import { startPrivateCluster } from '../../src/rabbitmq/cluster.ts';
import { folderOf, startTestCluster, testVersion } from '../../test-helpers/own-broker.ts';
import { noProcesses, processesOf, until } from '../../test-helpers/processes.ts';

/** The part of this file that runs in the process that a test below kills. */
async function startAndHang(): Promise<void> {
  const { nodes } = await startTestCluster();
  console.log(JSON.stringify({ folder: nodes[0] && (await folderOf(nodes[0])) }));
  await new Promise(() => setInterval(() => {}, 1_000));
}

function tests(): void {
  test('nothing of a cluster survives when its parent is killed with SIGKILL', { skip: noProcesses }, async () => {
    const parent = spawn(process.execPath, [import.meta.filename, 'start-and-hang'], {
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(readline.createInterface({ input: parent.stdout }), 'line')) as [string];
    const { folder } = JSON.parse(line) as { folder: string };
    assert.equal(existsSync(folder), true);
    assert.ok(processesOf(folder).length >= 3);
    const exited = once(parent, 'exit');
    parent.kill('SIGKILL');
    await exited;
    await until('its folder is gone', () => !existsSync(folder));
    assert.deepEqual(processesOf(folder), []);
  });

  test('an interrupted start leaves nothing', { skip: noProcesses }, async () => {
    const { TMPDIR } = process.env;
    const temporary = await mkdtemp(path.join(os.tmpdir(), 'fib-worker-test-'));
    process.env.TMPDIR = temporary; // so that what there is in it is ours
    try {
      const reason = new Error('enough');
      const interrupt = new AbortController();
      const start = startPrivateCluster({ version: testVersion(), say: () => {}, signal: interrupt.signal });
      const failed = assert.rejects(start, reason);
      let folder = '';
      await until('a node has begun to start', async () => {
        const [name = ''] = await readdir(temporary);
        folder = path.join(temporary, name);
        return name !== '' && processesOf(folder).length > 0;
      });
      interrupt.abort(reason);
      await failed;
      assert.deepEqual(processesOf(folder), []);
      assert.deepEqual(await readdir(temporary), []);
    } finally {
      if (TMPDIR === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = TMPDIR;
      await rm(temporary, { recursive: true, force: true });
    }
  });

  test('a cluster of a number of nodes that makes none is refused', async () => {
    for (const nodes of [1, 2.5, Number.NaN, 100])
      await assert.rejects(startPrivateCluster({ nodes, say: assert.fail }), /^TypeError: nodes: expected .*, got/);
  });
}

if (process.argv[2] === 'start-and-hang') void startAndHang();
else tests();
