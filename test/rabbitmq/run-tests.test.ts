import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { programFolder } from '../../test-helpers/programs.ts';

/** Beside the tests' folder, see build.mjs. */
const program = path.join(programFolder, 'run-tests.js');

/** Runs the core tier of these test files (name → source), and gives the exit code and all that was printed. */
async function runTests(files: Record<string, string>, ...args: string[]) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'fib-worker-runner-'));
  try {
    await copyFile(program, path.join(folder, 'run-tests.js'));
    for (const [name, source] of Object.entries(files)) {
      const file = path.join(folder, 'test', name);
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, `const { test } = require('node:test');\n${source}\n`);
    }
    const runner = spawn(process.execPath, [path.join(folder, 'run-tests.js'), 'core', ...args], {
      env: { ...process.env, AMQP_URL: amqpUrl() },
    });
    const [stdout, stderr, [code]] = await Promise.all([
      text(runner.stdout),
      text(runner.stderr),
      once(runner, 'exit'),
    ]);
    return { code, stdout, stderr };
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("the runner passes when every file ran, and node's closing lines come last", async () => {
  const { code, stdout, stderr } = await runTests({
    'a.test.js': "test('has a broker', () => { if (!process.env.AMQP_URL) throw new Error(); });",
    'below/b.test.js': "test('skipped', { skip: 'no moon' }, () => {}); test('runs', () => {});",
    '../tiers/interop/c.tier.js': "test('of another tier', () => { throw new Error(); });",
  });
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /ℹ tests 3\n[\s\S]*ℹ skipped 1\n.*\nℹ duration_ms [\d.]+\n$/);
  assert.match(stderr, /testing core, 2 files, on Node v.* and RabbitMQ \d/);
  assert.match(stderr, /skipped 1: no moon \(skipped\)/);
});

test('the runner fails when a test fails, and shows why', async () => {
  const { code, stdout } = await runTests({ 'a.test.js': "test('fails', () => { throw new Error('on purpose'); });" });
  assert.equal(code, 1);
  assert.match(stdout, /on purpose/);
  assert.match(stdout, /ℹ fail 1\n/);
});

test('the runner fails when a file runs no test', async () => {
  const { code, stderr } = await runTests({ 'a.test.js': "test('runs', () => {});", 'b.test.js': '' });
  assert.equal(code, 1);
  assert.match(stderr, /1 of 2 test files ran no test: test\/b\.test\.js/);
});

test('folders leave the other files out, and one without tests is refused', async () => {
  const files = {
    'a/a.test.js': "test('runs', () => {});",
    'b/b.test.js': "test('fails', () => { throw new Error(); });",
  };
  const { code, stdout } = await runTests(files, 'a');
  assert.equal(code, 0, stdout);
  const wrong = await runTests(files, 'c');
  assert.deepEqual([wrong.code, wrong.stderr], [2, 'c: no folder with tests of core\n']);
});

test('arguments after -- are for node --test', async () => {
  const files = {
    'a.test.js': "test('one', () => {}); test('two', () => { throw new Error(); });",
    'b.test.js': "test('two', () => {});",
  };
  const { code, stdout } = await runTests(files, '--', '--test-name-pattern=one');
  assert.equal(code, 0, stdout);
});

test('--minutes reaches the tests, and is refused if it is no number of them', async () => {
  const files = {
    'a.test.js': "test('runs', () => console.log('minutes:', process.env.FIB_WORKER_TEST_MINUTES));",
  };
  assert.match((await runTests(files, '--minutes', '20')).stdout, /minutes: 20/);
  assert.match((await runTests(files)).stdout, /minutes: 0/);
  const { code, stderr } = await runTests(files, '--minutes', 'many');
  assert.equal(code, 2);
  assert.match(stderr, /--minutes many: expected a whole number/);
});
