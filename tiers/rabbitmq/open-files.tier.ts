import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { folderOf, startTestBroker } from '../../test-helpers/own-broker.ts';
import { noProcesses } from '../../test-helpers/processes.ts';

/** How many files a process may open now, and how many it may ask for: its limits as the kernel has them. */
async function openFiles(pid: string): Promise<{ soft: number; hard: number }> {
  const limits = await readFile(`/proc/${pid}/limits`, 'utf8');
  const [, soft, hard] = /^Max open files +(\d+) +(\d+)/m.exec(limits) ?? [];
  return { soft: Number(soft), hard: Number(hard) };
}

/** The part of this file that runs in the process with few files. */
async function showLimits(): Promise<void> {
  const broker = await startTestBroker();
  try {
    if (!(await folderOf(broker))) return console.log('null');
    const pid = await broker.ctl('-q', 'eval', 'list_to_integer(os:getpid()).');
    console.log(JSON.stringify(await openFiles(pid.trim())));
  } finally {
    await broker[Symbol.asyncDispose]();
  }
}

function tests(): void {
  test('a private node may open as many files as its parent may be granted, however few it was given', {
    skip: noProcesses,
  }, async (t) => {
    // every connection is one; shells and systemd give a process 1,024 of what it may ask for
    const parent = spawn(
      'sh',
      ['-c', 'ulimit -Sn 1024; exec "$0" "$@"', process.execPath, import.meta.filename, 'limits'],
      {
        env: { ...process.env, NODE_TEST_CONTEXT: undefined },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const [output, [code]] = await Promise.all([text(parent.stdout), once(parent, 'exit')]);
    assert.equal(code, 0);
    if (output === 'null\n') return t.skip('the node runs in Docker');
    const { hard } = await openFiles('self');
    assert.ok(hard > 1_024, `the hard limit here is ${hard}, too low to tell`);
    assert.deepEqual(JSON.parse(output), { soft: hard, hard });
  });
}

if (process.argv[2] === 'limits') void showLimits();
else tests();
