// `node --test` finds what is below a folder called test: .mjs files, and where Node can run TypeScript as it is (22.18 and
// later) .ts files. Where it can't, this file runs those, and passes on what they report: the same tests by the same names.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Every file of the checkout, but for what npm and git keep there. */
function filesBelow(folder) {
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const file = path.posix.join(folder, entry.name);
    if (!entry.isDirectory()) return [file];
    return entry.name === 'node_modules' || entry.name === '.git' ? [] : filesBelow(file);
  });
}

test('node --test finds every test file, and nothing else', () => {
  // https://nodejs.org/api/test.html#running-tests-from-the-command-line; .ts files as well on 22.18 and later
  const pattern =
    /(^|\/)test\/.*\.[cm]?[jt]s$|(^|\/)test-[^/]*\.[cm]?[jt]s$|[._-]test\.[cm]?[jt]s$|(^|\/)test\.[cm]?[jt]s$/;
  const found = filesBelow('').filter((file) => pattern.test(file));
  assert.deepEqual(
    found.filter((file) => !/^test\/.*\.test\.(ts|mjs)$/.test(file)),
    [],
  );
  assert.ok(found.length > 50, `${found.length} files`);
});

describe('no test file', () => {
  const files = [...filesBelow('test'), ...filesBelow('tiers')].filter((file) => /\.(test|tier)\.ts$/.test(file));
  const those = (have) => files.filter((file) => have(readFileSync(path.join(root, file), 'utf8')));

  test('can hang a run: each is watched', () => {
    assert.deepEqual(
      those((source) => !/^import '[./]+test-helpers\/watchdog\.ts';$/m.test(source)),
      [],
    );
  });

  test('fails for slowness: none has a time limit', () => {
    const limit = /^\s*(describe|test|it)\((['"`]).*\2, \{[^}]*\btimeout:[^}]*\}, (async )?\(/m;
    assert.deepEqual(
      those((source) => limit.test(source)),
      [],
    );
  });
});

/** Runs a test file as `node --test` would, and gives what it wrote. */
async function run(file) {
  const register = path.join(root, 'test-helpers/typescript.mjs');
  // by NODE_OPTIONS, for the file may run itself or others
  const NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ''} --import=${new URL(`file://${register}`)}`;
  const child = spawn(process.execPath, [...process.execArgv, file], {
    env: { ...process.env, NODE_OPTIONS },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const chunks = [];
  child.stdout.on('data', (chunk) => chunks.push(chunk));
  const end = await new Promise((resolve, reject) =>
    child.on('error', reject).on('close', (code, signal) => resolve(code ?? signal)),
  );
  return { output: Buffer.concat(chunks), end };
}

async function runInTurn(files) {
  for (let file = files.shift(); file; file = files.shift()) {
    const { output, end } = await run(file);
    process.stdout.write(output); // whole: what two files report must not mix
    if (end !== 0 && !output.includes('test:fail'))
      test(file, () => assert.fail(`the file ended with ${end}`)).catch(() => {});
    else if (!output.includes('test:pass')) test(file, () => assert.fail('the file ran no test')).catch(() => {});
  }
}

if (!process.features.typescript) {
  const parent = process.ppid; // without it nobody hears of the files; they end with this one
  setInterval(() => process.ppid !== parent && process.exit(1), 1_000).unref();
  const files = filesBelow('test').filter((file) => file.endsWith('.test.ts'));
  await Promise.all(Array.from({ length: Math.max(2, os.availableParallelism() - 1) }, () => runInTurn(files)));
}
