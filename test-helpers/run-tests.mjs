// Runs a tier of the tests under `node --test`, on every Node that this project runs on:
//
//   node test-helpers/run-tests.mjs TIER [FILE or FOLDER…] [--rabbitmq 3.10|4.0|4.3] [--minutes N] [--busy N] [-- for node]
//
// TIER is `core`, what `node --test` alone runs; `unit`, those of the core that need no RabbitMQ and start no process; or a
// folder of tiers/. What is named below it leaves the rest out: `core client amqp`. --minutes lets the faults tier repeat each
// fault for its share of N minutes; --busy runs N busy loops beside the tests, none of which may fail for that. AMQP_URL, if
// set, is the RabbitMQ to test with; else one is started.
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const tierFolders = readdirSync(path.join(root, 'tiers'));
const versions = ['3.10', '4.0', '4.3'];

/** The reason why a tier can't run here, by tier. */
const missing = {
  containers: () => (spawnSync('docker', ['version']).status === 0 ? undefined : 'no Docker engine answers `docker`'),
};

/** Files that run at the same time. Containers share the host's ports and its one cache of builds; faults are timed. */
const concurrency = { containers: 1, unit: 4 };

function fail(message) {
  console.error(message);
  process.exit(2);
}

function readArguments() {
  const args = process.argv.slice(2);
  const split = args.includes('--') ? args.indexOf('--') : args.length;
  try {
    const { values, positionals } = parseArgs({
      args: args.slice(0, split),
      allowPositionals: true,
      options: {
        rabbitmq: { type: 'string' },
        minutes: { type: 'string', default: '0' },
        busy: { type: 'string', default: '0' },
      },
    });
    const [tier = '', ...names] = positionals;
    const known = ['core', 'unit', ...tierFolders];
    if (!known.includes(tier)) throw new Error(`which tests? One of: ${known.join(', ')}`);
    const { rabbitmq, minutes, busy } = values;
    if (rabbitmq !== undefined && !versions.includes(rabbitmq))
      throw new Error(`--rabbitmq ${rabbitmq}: not one of ${versions.join(', ')}`);
    if (rabbitmq !== undefined && process.env.AMQP_URL)
      throw new Error('AMQP_URL is set, which settles the version: unset it, or leave --rabbitmq out');
    for (const [name, value] of Object.entries({ minutes, busy }))
      if (!/^\d{1,3}$/.test(value)) throw new Error(`--${name} ${value}: expected a whole number, as in 20`);
    return { tier, names, rabbitmq, minutes: Number(minutes), busy: Number(busy), forNode: args.slice(split + 1) };
  } catch (error) {
    return fail(error.message);
  }
}

function filesOf(tier, names) {
  const isTier = tierFolders.includes(tier);
  const folder = isTier ? `tiers/${tier}` : 'test';
  const all = readdirSync(path.join(root, folder), { recursive: true })
    .map((file) => path.posix.join(folder, file.replaceAll(path.sep, '/')))
    .filter((file) => file.endsWith(isTier ? '.tier.ts' : '.test.ts'))
    .sort();
  const isNamed = (file, name) => [name, `${folder}/${name}`].some((one) => `${file}/`.startsWith(`${one}/`));
  for (const name of names) if (!all.some((file) => isNamed(file, name))) fail(`${name}: no tests of ${tier}`);
  const chosen = all.filter((file) => names.length === 0 || names.some((name) => isNamed(file, name)));
  return tier === 'unit' ? chosen.filter((file) => !needsMore(file)) : chosen;
}

/** Whether a test file asks for what a run shares, or starts processes, itself or through what it imports. */
function needsMore(file, seen = new Set()) {
  if (seen.has(file)) return false;
  seen.add(file);
  if (file === 'test-helpers/run.ts' || file === 'test-helpers/own-broker.ts') return true;
  if (file === 'test-helpers/watchdog.ts') return false;
  const source = readFileSync(path.join(root, file), 'utf8');
  if (file.startsWith('test') && /from '(node:child_process|playwright-core)'/.test(source)) return true;
  const imports = [...source.matchAll(/^(?:import|export) (?!type )[^;]*?'(\.[^']+\.ts)';$/gms)];
  return imports.some(([, name]) => needsMore(path.posix.join(path.posix.dirname(file), name), seen));
}

const { tier, names, rabbitmq, minutes, busy, forNode } = readArguments();
const files = filesOf(tier, names);
const lacking = missing[tier]?.();
if (lacking) {
  console.log(`skipped all ${files.length} files of ${tier}: ${lacking}`);
  process.exit();
}
console.log(`${tier}: ${files.length} files on Node ${process.version}`);
const types = process.features.typescript ? [] : ['--import', new URL('typescript.mjs', import.meta.url).href];
const node = spawn(
  process.execPath,
  ['--test', `--test-concurrency=${concurrency[tier] ?? 2}`, '--test-reporter=spec', ...forNode, ...files],
  {
    cwd: root,
    env: {
      ...process.env,
      NODE_OPTIONS: [process.env.NODE_OPTIONS, ...types].filter(Boolean).join(' '),
      ...(rabbitmq && { FIB_WORKER_TEST_RABBITMQ: rabbitmq }),
      FIB_WORKER_TEST_MINUTES: String(minutes),
      FIB_WORKER_TEST_SILENCE: String(300 + minutes * 60),
    },
    stdio: 'inherit',
  },
);
// they end with this process, however it ends
const loop = `while (process.ppid === ${process.pid});`;
for (let n = 0; n < busy; n++) spawn(process.execPath, ['-e', loop], { stdio: 'ignore' }).unref();
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => node.kill(signal));
node.on('exit', (code, signal) => {
  process.exitCode = code ?? 1;
  if (signal) console.error(`node --test ended with ${signal}`);
});
