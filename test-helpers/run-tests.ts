// Runs one tier of the tests against one RabbitMQ:
//
//   node dist/run-tests.js TIER [FOLDER…] [--rabbitmq 3.10|4.0|4.3] [--minutes N] [-- arguments of `node --test`]
//
// --minutes lets the faults tier repeat each fault for its share of N minutes, and through 2,000 calls at least; without it
// each occurs once.
// FOLDERs of test (client, programs) leave the others out.
// TIER is `core` (test/), or a folder of tiers/.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import readline from 'node:readline';
import { parseArgs, stripVTControlCharacters } from 'node:util';
import { type Broker, type RabbitVersion, suites } from '../src/rabbitmq/broker.ts';
import { findDocker } from '../src/rabbitmq/docker.ts';
import { findBroker } from '../src/rabbitmq/find.ts';
import { Guard } from '../src/rabbitmq/guard.ts';
import { startPrivateBroker } from '../src/rabbitmq/private.ts';

const tierFolders = ['kubernetes', 'measure', 'interop', 'faults', 'containers', 'cluster'];
const testRoot = import.meta.dirname;
/** What one test file may take, in ms: one that hangs, or leaves something running, fails the run instead of hanging it. */
const FILE_LIMIT = 120_000;
/** The same in the other tiers, whose files start and harm nodes of their own; a minute of --minutes adds two to it. */
const LONG_FILE_LIMIT = 300_000;
/** What node's closing lines count. */
const closingLine = /^ℹ (tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) /;

interface TestEvent {
  readonly file: string | undefined;
  readonly name: string;
  readonly suite: boolean;
  readonly skip: string | boolean | undefined;
}

async function main(): Promise<number> {
  const { tier, folders, version, minutes, nodeArguments } = parseArguments(process.argv.slice(2));
  const files = await testFiles(tier, folders);
  if (files.length === 0)
    throw new Error(
      `no test files for ${[tier, ...folders].join(' ')} in ${testRoot}: \`node build.mjs --tests\` makes them`,
    );
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupted.abort(new Error(signal)));

  const missing = tier === 'containers' ? await missingForContainers() : undefined;
  if (missing) {
    console.error(`skipped all ${files.length} files of ${tier}: ${missing}`);
    return 0;
  }
  await using broker = await brokerForTests(version, interrupted.signal);
  console.error(`testing ${tier}, ${files.length} files, on Node ${process.version} and ${broker.description}`);
  const env = {
    ...process.env,
    AMQP_URL: broker.url,
    ...(version && { FIB_WORKER_TEST_RABBITMQ: version }),
    FIB_WORKER_TEST_MINUTES: String(minutes),
  };
  const limit = tier === 'core' ? FILE_LIMIT : LONG_FILE_LIMIT + minutes * 2 * 60_000;
  // containers share the host's ports and its one cache of builds
  const concurrency = tier === 'containers' ? 1 : 2;
  return await runFiles(files, { nodeArguments, env, limit, concurrency, signal: interrupted.signal });
}

/** What the tests of containers need and is not there. An engine that is there but does not answer is an error. */
async function missingForContainers(): Promise<string | undefined> {
  return (await findDocker()) ? undefined : 'no Docker engine found';
}

interface RunArguments {
  readonly tier: string;
  readonly folders: readonly string[];
  readonly version: RabbitVersion | undefined;
  readonly minutes: number;
  readonly nodeArguments: string[];
}

function parseArguments(args: string[]): RunArguments {
  const split = args.includes('--') ? args.indexOf('--') : args.length;
  const { values, positionals } = parseArgs({
    args: args.slice(0, split),
    allowPositionals: true,
    options: { rabbitmq: { type: 'string' }, minutes: { type: 'string', default: '0' } },
  });
  const [tier = '', ...folders] = positionals;
  if (!['core', ...tierFolders].includes(tier)) throw new Error(`which tests? One of: core, ${tierFolders.join(', ')}`);
  const version = values.rabbitmq;
  if (version !== undefined && !(version in suites))
    throw new Error(`--rabbitmq ${version}: not one of ${Object.keys(suites).join(', ')}`);
  if (!/^\d{1,3}$/.test(values.minutes))
    throw new Error(`--minutes ${values.minutes}: expected a whole number, as in 20`);
  return {
    tier,
    folders,
    version: version as RabbitVersion | undefined,
    minutes: Number(values.minutes),
    nodeArguments: args.slice(split + 1),
  };
}

async function testFiles(tier: string, folders: readonly string[]): Promise<string[]> {
  const root = path.join(testRoot, tier === 'core' ? 'test' : `tiers/${tier}`);
  const chosen = (await readdir(root, { recursive: true })).filter((file) => /\.(test|tier)\.js$/.test(file)).sort();
  for (const folder of folders)
    if (!chosen.some((file) => file.startsWith(`${folder}${path.sep}`)))
      throw new Error(`${folder}: no folder with tests of ${tier}`);
  const within = (file: string) => folders.length === 0 || folders.some((one) => file.startsWith(`${one}${path.sep}`));
  return chosen.filter(within).map((file) => path.join(root, file));
}

/** AMQP_URL, or else one of our own: never one that merely happens to be there. */
async function brokerForTests(version: RabbitVersion | undefined, signal: AbortSignal): Promise<Broker> {
  const say = (line: string) => console.error(line);
  if (process.env.AMQP_URL && version)
    throw new Error('AMQP_URL is set, which settles the version: unset it, or leave --rabbitmq away');
  return process.env.AMQP_URL
    ? findBroker({ env: process.env, say, signal })
    : startPrivateBroker({ version, say, signal });
}

/** How files are run. */
interface FilesRun {
  readonly nodeArguments: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** What one file may take, in ms. */
  readonly limit: number;
  /** Files at a time. */
  readonly concurrency: number;
  readonly signal: AbortSignal;
}

/** Runs the files under `node --test`, shows what it prints, and checks that every file ran; gives the exit code. */
async function runFiles(
  files: string[],
  { nodeArguments, env, limit, concurrency, signal }: FilesRun,
): Promise<number> {
  await using guard = await Guard.start(); // whatever the tests leave running ends with them, and with us
  const reporter = path.join(guard.folder, 'reporter.mjs');
  const report = path.join(guard.folder, 'events');
  const prepare = path.join(guard.folder, 'prepare.cjs');
  await writeFile(reporter, `export default ${reportEvents.toString()};\n`);
  await writeFile(prepare, `(${prepareFile.toString()})(${limit});\n`);
  const args = ['--test', `--test-concurrency=${concurrency}`, '--require', prepare];
  args.push('--test-reporter=spec', '--test-reporter-destination=stdout');
  args.push(`--test-reporter=${reporter}`, `--test-reporter-destination=${report}`);
  const colour = process.stdout.isTTY ? { FORCE_COLOR: '1' } : {};
  const node = spawn(process.execPath, [...args, ...nodeArguments, ...files], {
    env: { ...env, ...colour, ...guard.env, NODE_TEST_CONTEXT: undefined },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  signal.addEventListener('abort', () => void guard[Symbol.asyncDispose]());
  const exited = once(node, 'exit');
  const { closing, details } = await showOutput(node.stdout);
  const [code] = (await exited) as [number | null];
  signal.throwIfAborted();
  for (const line of details) console.log(line);
  const problems = check(files, parseEvents(await readFile(report, 'utf8')), nodeArguments.length === 0);
  for (const problem of problems) console.error(`✖ ${problem}`);
  for (const line of closing) console.log(line);
  return code === 0 && problems.length === 0 ? 0 : 1;
}

/** Node's machine-readable reporter: it runs in node's process, out of this function's source. */
async function* reportEvents(
  source: AsyncIterable<{
    type: string;
    data: { file?: string; name: string; skip?: string | boolean; details?: { type?: string } };
  }>,
): AsyncGenerator<string> {
  for await (const { type, data } of source)
    if (type === 'test:pass' || type === 'test:fail')
      yield `${JSON.stringify({ file: data.file, name: data.name, suite: data.details?.type === 'suite', skip: data.skip })}\n`;
}

/**
 * Ends a test file that takes too long, and says what kept it running: --test-timeout ends such files on Node 20 only. And
 * maps its stacks to the sources: --enable-source-maps would also give a helper's name for the file that a test is in.
 * Runs in each file's process, out of this function's source.
 */
function prepareFile(limit: number): void {
  // not in node's own process, nor in the files' worker threads
  if (!process.env.NODE_TEST_CONTEXT || !require('node:worker_threads').isMainThread) return;
  process.setSourceMapsEnabled(true);
  setTimeout(() => {
    const resources = process.getActiveResourcesInfo().filter((name) => name !== 'Timeout' && name !== 'PipeWrap');
    console.error(
      `${process.argv[1]}: still running after ${limit / 1_000} s; open: ${resources.join(', ') || 'timers only'}`,
    );
    process.exit(1);
  }, limit).unref();
}

function parseEvents(text: string): TestEvent[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as TestEvent);
}

/** Passes node's output on but holds back its end: the closing lines, and the failures' details after them. */
async function showOutput(output: NodeJS.ReadableStream): Promise<{ closing: string[]; details: string[] }> {
  const closing: string[] = [];
  const details: string[] = [];
  for await (const line of readline.createInterface({ input: output })) {
    if (closingLine.test(stripVTControlCharacters(line))) closing.push(line);
    else if (closing.length) details.push(line);
    else console.log(line);
  }
  return { closing, details };
}

/** Says what was skipped and why, and gives what is wrong with the run as a whole. */
function check(files: string[], events: TestEvent[], complete: boolean): string[] {
  const ran = new Set<string>();
  const skipped = new Map<string, string[]>();
  for (const { file, name, suite, skip } of events) {
    // a file that holds no test is reported as a test of its own name
    const isFile = files.some((known) => path.resolve(name) === known);
    if (!file || suite || isFile) continue;
    ran.add(file);
    if (skip === undefined || skip === false) continue;
    const reason = typeof skip === 'string' && skip ? skip : 'no reason given';
    skipped.set(reason, [...(skipped.get(reason) ?? []), name]);
  }
  for (const [reason, names] of skipped) console.error(`skipped ${names.length}: ${reason} (${names.join('; ')})`);
  const missing = files.filter((file) => !ran.has(file)).map((file) => path.relative(testRoot, file));
  if (ran.size === 0) return ['no test ran'];
  // a pattern among node's arguments may leave whole files out, which Node 24 then does not mention
  return missing.length && complete
    ? [`${missing.length} of ${files.length} test files ran no test: ${missing.join(', ')}`]
    : [];
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: Error) => {
    console.error(error.message);
    process.exitCode = error.message === 'SIGINT' ? 130 : 2;
  },
);
