import '../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, type TestContext, test } from 'node:test';
import { processStart } from '../test-helpers/process-start.ts';
import { until } from '../test-helpers/processes.ts';
import { MARK } from '../test-helpers/watchdog.ts';

const helper = (file: string) => new URL(`../test-helpers/${file}`, import.meta.url).href;

/** A run of this one test file, under `node --test`. */
async function runOf(t: TestContext, source: string, silence: number) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'fib-worker-watchdog-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = path.join(folder, 'a.test.mjs');
  await writeFile(
    file,
    `import '${helper('watchdog.ts')}';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
const leave = () => console.error('left: ' + spawn('sleep', ['1000'], { stdio: 'inherit' }).pid + ';');
${source}`,
  );
  const env = { ...process.env, NODE_TEST_CONTEXT: undefined, [MARK]: undefined };
  const child = spawn(process.execPath, ['--test', '--test-reporter=spec', file], {
    env: { ...env, FIB_WORKER_TEST_SILENCE: String(silence) },
  });
  const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { child, ended: ended.then(([stdout, stderr, [code]]) => ({ code, output: stdout + stderr })) };
}

describe('a test file', { concurrency: true }, () => {
  for (const [how, hang] of [
    ['waits for ever', 'await new Promise(() => setInterval(() => {}, 1_000));'],
    ['never comes to an end', 'for (;;);'],
  ])
    test(`that ${how} is ended with all that it started, and the run says so`, async (t) => {
      const run = await runOf(t, `test('of the two', async () => { leave(); ${hang} });`, 5);
      const { code, output } = await run.ended;
      assert.equal(code, 1);
      assert.match(output, /a\.test\.mjs: no sign of life for \d+ s: ended, with all that it started/);
      assert.match(output, /in the test: of the two\n/);
      assert.match(output, /process \d+: sleep 1000/);
    });

  test('that leaves a process running does not hold the run', async (t) => {
    const run = await runOf(t, `test('passes', leave); test('exits', () => setImmediate(() => process.exit()));`, 300);
    const { output } = await run.ended; // not before the process, which has the output, too
    assert.match(output, /left: \d+;/);
  });

  test('ends with the process that runs it', async (t) => {
    const source = `test('long', async () => { console.error('file: ' + process.pid + ';'); setInterval(() => {}, 1_000); await new Promise(() => {}); });`;
    const run = await runOf(t, source, 300);
    let [output, pid] = ['', 0];
    run.child.stdout.on('data', (chunk) => {
      output += chunk;
      pid = Number(/file: (\d+);/.exec(output)?.[1] ?? 0);
    });
    await until('it runs', () => pid !== 0);
    run.child.kill('SIGKILL');
    await until('it is gone', () => processStart(pid) === undefined);
    await run.ended;
  });

  test('ends if the process that ran it was gone before it began', async (t) => {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'fib-worker-watchdog-'));
    t.after(() => rm(folder, { recursive: true }));
    const file = path.join(folder, 'a.test.mjs');
    await writeFile(file, `import '${helper('watchdog.ts')}';\nconsole.error('it runs');\n`);
    const script = 'runner=$$; (while kill -0 $runner 2>&-; do sleep 0.1; done; exec "$0" "$1") &';
    const env = { ...process.env, NODE_TEST_CONTEXT: 'child-v8', [MARK]: undefined };
    const shell = spawn('sh', ['-c', script, process.execPath, file], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const [output] = await Promise.all([text(shell.stderr), text(shell.stdout)]); // until all that have them have ended
    assert.match(output, /the process that ran this file has ended/);
    assert.doesNotMatch(output, /it runs/);
  });
});
