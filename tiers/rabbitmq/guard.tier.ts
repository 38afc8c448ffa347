import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { Guard } from '../../src/rabbitmq/guard.ts';
import { noProcesses, processesOf, until } from '../../test-helpers/processes.ts';

function tests(): void {
  test('a guard ends what was started under it, daemons too, and removes its folder', {
    skip: noProcesses,
  }, async () => {
    const guard = await Guard.start();
    const env = { ...process.env, ...guard.env };
    // the second leaves its parent, its session and its process group, as epmd does
    const child = spawn('sh', ['-c', 'setsid sleep 1000 & exec sleep 1000'], { env, stdio: 'ignore' });
    await until(
      'both run',
      () => processesOf(guard.folder).filter((command) => command.startsWith('sleep')).length === 2,
    );
    const exited = once(child, 'exit');
    await guard[Symbol.asyncDispose]();
    await exited;
    assert.deepEqual(processesOf(guard.folder), []);
    assert.equal(existsSync(guard.folder), false);
  });

  test('a process that ignores SIGTERM is killed', { skip: noProcesses }, async () => {
    const guard = await Guard.start();
    const stubborn = spawn('sh', ['-c', 'trap "" TERM; echo ready; while :; do sleep 1; done'], {
      env: { ...process.env, ...guard.env },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await once(stubborn.stdout, 'data');
    const exited = once(stubborn, 'exit');
    await guard[Symbol.asyncDispose]();
    assert.deepEqual(await exited, [null, 'SIGKILL']);
  });

  test('a guard does not keep its process running, and ends with it', async () => {
    const child = spawn(process.execPath, [import.meta.filename, 'only-start'], {
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [folder, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    assert.equal(code, 0);
    assert.notEqual(folder, '');
    await until('its folder is gone', () => !existsSync(folder));
  });

  test('disposing twice is fine', async () => {
    const guard = await Guard.start();
    await Promise.all([guard[Symbol.asyncDispose](), guard[Symbol.asyncDispose]()]);
    await guard[Symbol.asyncDispose]();
    assert.equal(existsSync(guard.folder), false);
  });
}

if (process.argv[2] === 'only-start') void Guard.start().then(({ folder }) => process.stdout.write(folder));
else tests();
