// Makes of results/ what the docs have of it, and measures what it holds. `npm run results` builds, and runs this:
//
//   npm run results                                    pages, the picture, and each block in README.md and docs/ that names its command
//   npm run results -- --check                         says which of these are not as their commands print them
//   npm run results -- measure [NAME…] [-- OPTION…]    measures anew first, all or these; the options are those of compare.js
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const top = path.dirname(import.meta.dirname);
const folder = path.join(top, 'results');
const compare = path.join(top, 'dist/compare.js');

/** The published runs: the name of the files, and how they are made. Each takes four to nine minutes on a machine with nothing else to do. */
const runs = {
  'rabbitmq-3.10': ['--rabbitmq', '3.10'],
  'rabbitmq-4.0': ['--rabbitmq', '4.0'],
  'rabbitmq-4.3': ['--rabbitmq', '4.3'],
  'rabbitmq-4.3-cluster': ['--rabbitmq', '4.3', '--nodes', '3'],
  'rabbitmq-4.3-clients': ['--rabbitmq', '4.3', '--only', 'clients', '--clients', '10,1000,2000'],
  libraries: [
    '--rabbitmq',
    '4.3',
    '--implementations',
    '--only',
    'prefetch-100,prefetch-1,payload,start-client,start-worker,waiting',
  ],
};
const BUDGET = ['--budget', '8m'];

/** The files that are made by a command which prints them. */
const printed = { 'docs/pictures/reply-designs.svg': 'picture results/rabbitmq-4.3.json' };

/** A block in a page: the command that prints it, and what it printed. */
const BLOCK = /(<!-- node dist\/compare\.js (.+) -->\n)[\s\S]*?(\n<!-- end -->)/g;

/** Runs dist/compare.js, and gives what it printed. */
function run(args, stdio = ['ignore', 'pipe', 'inherit']) {
  const { status, stdout, signal } = spawnSync(process.execPath, [compare, ...args], {
    cwd: top,
    encoding: 'utf8',
    stdio,
  });
  if (status !== 0) throw new Error(`node dist/compare.js ${args.join(' ')} ended with ${status ?? signal}`);
  return stdout;
}

function measure(args) {
  const cut = args.includes('--') ? args.indexOf('--') : args.length;
  const [names, options] = [args.slice(0, cut), args.slice(cut + 1)];
  for (const name of names)
    if (!Object.hasOwn(runs, name)) throw new Error(`${name}: expected ${Object.keys(runs).join(', ')}`);
  for (const name of names.length > 0 ? names : Object.keys(runs)) {
    process.stderr.write(`measuring ${name}\n`);
    const json = path.join(folder, `${name}.json`);
    const part = `${json}.part`; // what is published stays unless the run goes well to its end
    try {
      run([...runs[name], ...BUDGET, ...options, '--json', part], ['ignore', 'inherit', 'inherit']);
      renameSync(part, json);
    } catch (error) {
      process.stderr.write(`${name} is left as it was: ${error.message}\n`);
      process.exitCode = 1;
    } finally {
      rmSync(part, { force: true });
    }
  }
}

/** What each file should hold that is made of results/. */
function* made() {
  for (const [file, command] of Object.entries(printed)) yield [file, run(command.split(' '))];
  const pages = ['README.md', ...readdirSync(path.join(top, 'docs')).map((name) => `docs/${name}`)];
  for (const page of pages.filter((name) => name.endsWith('.md'))) {
    const text = readFileSync(path.join(top, page), 'utf8');
    yield [page, text.replace(BLOCK, (_, begin, command, end) => `${begin}\n${run(command.split(' '))}${end}`)];
  }
}

const [command, ...args] = process.argv.slice(2);
if (command === 'measure') measure(args);
else if (command !== undefined && command !== '--check') throw new Error(`expected measure or --check, got ${command}`);
const isCheck = command === '--check';
for (const [file, text] of made()) {
  const at = path.join(top, file);
  if (existsSync(at) && readFileSync(at, 'utf8') === text) continue;
  process.stdout.write(
    `${file} ${isCheck ? 'is not what its commands print: npm run results renews it' : 'renewed'}\n`,
  );
  if (isCheck) process.exitCode = 1;
  else writeFileSync(at, text);
}
if (!isCheck)
  for (const name of Object.keys(runs).filter((one) => existsSync(path.join(folder, `${one}.json`))))
    run(['show', `results/${name}.json`, '--html', `results/${name}.html`]);
