import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { licences } from '../../build/one-file.mjs';
import { tryOut } from '../../src/programs/build/try-out.ts';
import { build, buildWorker, checkout, folderWith } from '../../test-helpers/own-function.ts';
import { cleanUp, runClient, start, uniqueQueue } from '../../test-helpers/programs.ts';

const good = 'export default () => "fine";\n';

/** The files of a folder, and what is in them. */
function contentOf(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => path.join(folder, name));
  const files = names.filter((name) => statSync(name).isFile());
  return Object.fromEntries(files.map((name) => [name, readFileSync(name, 'utf8')]));
}

describe('fib-worker build refuses in one line that says what is wrong', { concurrency: 2 }, () => {
  const wrong: readonly (readonly [what: string, source: string, named: RegExp])[] = [
    [
      'a module without a default export',
      'export const answer = () => "";',
      /has no default export; write: export default/,
    ],
    [
      'a limit that is none',
      `${good}export const maxRequestBytes = -1;`,
      /'maxRequestBytes': expected an integer.*got -1/,
    ],
    [
      'a flag that is taken',
      `${good}export const options = { a: { flag: 'queue', type: 'boolean', help: '' } };`,
      /'options\.a': --queue is taken/,
    ],
  ];
  for (const [what, source, named] of wrong) {
    it(what, async (t) => {
      const folder = folderWith(t, { 'fn.ts': source });
      const { code, stderr } = await build(folder, ['fn.ts', '--outfile', 'worker.js']);
      assert.equal(code, 2);
      assert.match(stderr, /^fib-worker build: (fn\.ts: |the function 'fn', )[^\n]+\n$/);
      assert.match(stderr, named);
      assert.equal(existsSync(path.join(folder, 'worker.js')), false);
    });
  }

  /** The line that it says of these arguments; nothing was written. */
  const refused = async (folder: string, ...args: string[]) => {
    const before = contentOf(folder);
    const { code, stderr } = await build(folder, args);
    assert.equal(code, 2);
    assert.match(stderr, /^fib-worker build: [^\n]+\n$/);
    assert.deepEqual(contentOf(folder), before);
    return stderr;
  };

  it('a file that is not there, a folder, none, and a wrong option', async (t) => {
    const folder = folderWith(t, { 'a/fn.ts': good });
    assert.match(await refused(folder, 'fn.ts', '--outfile', 'w.js'), /there is no file "fn\.ts"/);
    assert.match(await refused(folder, 'a', '--outfile', 'w.js'), /"a" is a folder/);
    assert.match(await refused(folder, '--outfile', 'w.js'), /no module is named/);
    assert.match(
      await refused(folder, 'a/fn.ts', '--outfiel', 'w.js'),
      /unknown option --outfiel; did you mean --outfile\?/,
    );
  });

  it('an --outfile that is missing, a folder, in a missing folder, no JavaScript, or goes into the worker', async (t) => {
    const folder = folderWith(t, {
      'fn.js': `export { default } from './lib/inner.js';`,
      'lib/inner.js': good,
      'package.json': '{ "type": "module" }',
    });
    symlinkSync('lib', path.join(folder, 'linked'));
    assert.match(await refused(folder, 'fn.js'), /--outfile is missing/);
    assert.match(await refused(folder, 'fn.js', '--outfile', 'lib'), /"lib" is a folder/);
    assert.match(await refused(folder, 'fn.js', '--outfile', 'no/w.js'), /there is no folder "no"/);
    assert.match(await refused(folder, 'fn.js', '--outfile', 'package.json'), /ends in \.js/);
    for (const source of ['fn.js', 'lib/inner.js', 'linked/inner.js'])
      assert.match(await refused(folder, 'fn.js', '--outfile', source), /is a source of this worker/);
  });

  it('what can not be bundled, with its place', async (t) => {
    const folder = folderWith(t, {
      'import.ts': `import x from './nowhere.ts';\nexport default x;`,
      'syntax.ts': 'export default (',
      'await.ts': `${good}await 1;`,
    });
    const why = (file: string) => refused(folder, file, '--outfile', 'w.js');
    assert.match(await why('import.ts'), /: import\.ts:1:15: Could not resolve "\.\/nowhere\.ts"/);
    assert.match(await why('syntax.ts'), /: syntax\.ts:1:17: /);
    assert.match(await why('await.ts'), /: await\.ts:2:1: Top-level await/);
  });

  it('what is wrong in a module, and leaves the worker that was built before', async (t) => {
    const folder = folderWith(t, { 'fn.ts': 'export const no = "function";', 'w.js': 'the one before' });
    assert.match(await refused(folder, 'fn.ts', '--outfile', 'w.js'), /has no default export/);
  });
});

describe('a worker whose function', { concurrency: 2 }, () => {
  it('is wrong says so when it starts, no matter who built it', async (t) => {
    // right while it is built, wrong where it runs
    const worker = await buildWorker(t, `${good}export const maxRequestBytes = process.env.LIMIT ? -5 : 5;`);
    const { code, stderr } = await start(t, worker, [], { env: { LIMIT: '1' } }).end();
    assert.equal(code, 2);
    assert.match(stderr, /^fib-worker: fn\.ts: the function module's export 'maxRequestBytes': [^\n]* got -5\n$/);
  });

  it('fails while it is loaded says where, and the build only warns: it may need what is not here', async (t) => {
    const source = `if (!process.env.SECRET) throw new TypeError('SECRET is not set');\n${good}`;
    const folder = folderWith(t, { 'fn.ts': source });
    const { code, stderr } = await build(folder, ['fn.ts', '--outfile', 'worker.js']);
    assert.equal(code, 0);
    assert.match(
      stderr,
      /^fib-worker build: fn\.ts failed while it was loaded: SECRET is not set; built all the same[^\n]*\nworker\.js: /,
    );
    const failed = await start(t, path.join(folder, 'worker.js'), []).end();
    assert.equal(failed.code, 1);
    assert.match(failed.stderr, /^fib-worker: .*failed while it was loaded[\s\S]*SECRET is not set/);
    const fine = await start(t, path.join(folder, 'worker.js'), ['--version'], { env: { SECRET: 'x' } }).end();
    assert.equal(fine.code, 0);
  });

  it('requires what only a CommonJS module has runs as either kind of module', async (t) => {
    const folder = folderWith(t, {
      'fn.cjs': `const os = require('os'); // a name without node:
        const late = (name) => require(name);
        const value = late('./name.json').name + '-' + require('path').basename(__filename, '.js') + '-' + typeof os.cpus;
        if (require('./package.json').type === 'commonjs') sloppy = 1; // too old for strict mode
        module.exports = Object.defineProperty(() => '', 'name', { value });`,
      'name.json': '{ "name": "late" }',
    });
    for (const type of ['commonjs', 'module']) {
      writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ type }));
      const { code, stderr } = await build(folder, ['fn.cjs', '--outfile', 'worker.js']);
      assert.equal(code, 0, stderr);
      const { stdout } = await start(t, path.join(folder, 'worker.js'), ['--help']).end();
      assert.match(stdout, /by the function 'late-worker-function'/, type);
    }
  });

  it('calls other functions takes the client from fib-worker, whose errors are those of fib-worker/function', async (t) => {
    const worker = await buildWorker(
      t,
      `import { RpcClient, RpcError } from 'fib-worker';
       import { RpcError as same } from 'fib-worker/function';
       export default async () => (await new RpcClient().call('other', '1')).body;
       export const name = [typeof RpcClient, RpcError === same].join('-');`,
    );
    const { stdout } = await start(t, worker, ['--help']).end();
    assert.match(stdout, /the function 'function-true'/);
  });

  it('asks for import.meta.url has that of the bundle', async (t) => {
    const worker = await buildWorker(
      t,
      `${good}export const name = new URL('./a-b', import.meta.url).pathname.split('/').at(-1) + '-' +
        (import.meta.url === process.getBuiltinModule('node:url').pathToFileURL(import.meta.filename).href);`,
    );
    for (const type of ['commonjs', 'module']) {
      writeFileSync(path.join(path.dirname(worker), 'package.json'), JSON.stringify({ type }));
      assert.match((await start(t, worker, ['--help']).end()).stdout, /the function 'a-b-true'/, type);
    }
  });

  it('ends the process while it is loaded is no worker, even if it printed a help before', async (t) => {
    const folder = folderWith(t, { 'fn.ts': `console.log('loading'); process.exit(0);\n${good}` });
    const { stderr } = await build(folder, ['fn.ts', '--outfile', 'worker.js']);
    assert.match(stderr, /"fn\.ts" ended the process while it was loaded; built all the same/);
  });

  it('loops while it is loaded, and prints, does not hold up the build for ever', async (t) => {
    const outfile = path.join(folderWith(t, {}), 'worker.js');
    const loops = tryOut(['fn.ts'], outfile, 'for (;;) console.log("on and on");', 500);
    await assert.rejects(loops, /"fn\.ts" does not load within 0\.5 s, though it writes something\. Does it loop\?/);
  });

  it('loops while it is loaded goes when the build is interrupted, which ends with 130 and leaves nothing', async (t) => {
    const source = `import { writeFileSync } from 'node:fs';\nwriteFileSync('loading', '');\nfor (;;);\n${good}`;
    const folder = folderWith(t, { 'fn.ts': source });
    const running = start(t, 'modules/fib-worker.js', ['build', 'fn.ts', '--outfile', 'worker.js'], { cwd: folder });
    while (running.child.exitCode === null && !existsSync(path.join(folder, 'loading'))) await delay(50);
    const { code, stderr } = await running.stop('SIGINT');
    assert.deepEqual([code, stderr], [130, 'fib-worker build: interrupted by SIGINT\n']);
    assert.deepEqual(
      Object.keys(contentOf(folder)).map((file) => path.basename(file)),
      ['fn.ts', 'loading'],
    );
  });

  it('brings a package with folders of licences gets those that are files into its bundle', async (t) => {
    const folder = folderWith(t, {
      'node_modules/dep/package.json': '{ "name": "dep", "version": "1.2.3", "license": "MIT" }',
      'node_modules/dep/LICENSES/MIT.txt': 'one of several',
      'node_modules/dep/LICENSE.txt': 'the licence',
      'node_modules/dep/NOTICE/a.txt': '',
      'node_modules/dep/notice.md': 'the notice',
    });
    const text = await licences([path.join(folder, 'node_modules/dep/index.mjs')], true);
    assert.match(text, /\ndep 1\.2\.3\n\nthe licence\n\nthe notice\n/);
  });

  it('keeps something open while it is loaded can be built and asked for help all the same', async (t) => {
    const worker = await buildWorker(t, `setInterval(() => {}, 1_000);\n${good}export const name = 'ticking';`);
    const { code, stdout } = await start(t, worker, ['--help']).end();
    assert.equal(code, 0);
    assert.match(stdout, /by the function 'ticking'/);
    assert.equal((await start(t, worker, ['--no-such-thing']).end()).code, 2);
    assert.equal((await start(t, worker, ['--check', '--pid', String(process.pid)]).end()).code, 1);
  });

  const options = `{ shout: { flag: 'shout', type: 'boolean', env: 'SHOUT', help: 'in capitals' } }`;
  it('has options shows them in its help, and none of the default function', async (t) => {
    const worker = await buildWorker(t, `${good}export const name = 'greet'; export const options = ${options};`);
    const { stdout } = await start(t, worker, ['--help']).end();
    assert.match(stdout, /the function 'greet'/);
    assert.match(stdout, /^ +--shout +in capitals \(env SHOUT=true\)$/m);
    assert.match(stdout, /^ +--queue NAME/m);
    assert.doesNotMatch(stdout, /max-n|algorithm|fib\b/);
    const wrong = await start(t, worker, ['--max-n', '5']).end();
    assert.deepEqual([wrong.code, /unknown option --max-n/.test(wrong.stderr)], [2, true]);
  });

  it('is one of several is on a queue of its own, called as the function, or its file, with its own prefetch', async (t) => {
    const [price, vat, half, third] = [uniqueQueue(t), uniqueQueue(t), uniqueQueue(t), uniqueQueue(t)];
    const answer = (text: string) => `export default (request) => '${text} ' + request.text();\n`;
    const folder = folderWith(t, {
      [`${price}.ts`]: `${answer('price')}export const prefetch = 7;`,
      'tax.mjs': `${answer('tax')}export const name = '${vat}';`,
      'both.ts': `const handler = () => { throw new Error('half'); };
        export const half = { handler, queue: '${half}' };
        export default [half, { handler: () => 'third', name: '${third}' }];`,
    });
    const made = await build(folder, [`${price}.ts`, 'tax.mjs', 'both.ts', '--outfile', 'worker.js']);
    assert.equal(made.code, 0, made.stderr);
    const file = path.join(folder, 'worker.js');
    const queues = [price, vat, half, third];
    const refused = await start(t, file, ['--queue', 'x']).end();
    assert.deepEqual([refused.code, refused.stderr.includes(`(${queues.join(', ')})`)], [2, true]);

    const worker = start(t, file, ['--threads', '2', '--log', 'json']);
    cleanUp(t, () => worker.stop());
    for (const queue of queues)
      await worker.says(new RegExp(`"consuming","queue":"${queue}","prefetch":${queue === price ? 7 : 2}`));
    const replies = queues.map((queue) => runClient(t, ['--queue', queue, '-q', '--body', 'x']));
    const [first, second, failed, last] = await Promise.all(replies);
    assert.deepEqual([first?.stdout, second?.stdout, last?.stdout], ['price x\n', 'tax x\n', 'third\n']);
    assert.match(failed?.stderr ?? '', /INTERNAL/);
  });

  it('goes with no other that has its name or its queue, and the build says so', async (t) => {
    const folder = folderWith(t, { 'a.ts': good, 'b.ts': `${good}export const queue = 'a';`, 'c/a.ts': good });
    const why = async (...files: string[]) => (await build(folder, [...files, '--outfile', 'worker.js'])).stderr;
    assert.equal(await why('a.ts', 'b.ts'), "fib-worker build: the functions 'a' and 'b' are on the same queue, 'a'\n");
    assert.match(await why('a.ts', 'c/a.ts'), /^fib-worker build: two functions have the name 'a'[^\n]*\n$/);
  });

  it('is any JavaScript that esbuild reads: .ts, .mjs, .cjs, with packages of its own', async (t) => {
    const folder = folderWith(t, {
      'package.json': '{ "type": "commonjs" }',
      'src/a.ts': `import { RpcError } from 'fib-worker/function'; import { refuse } from 'dep';
        export default (request: { body: Buffer }): string => { try { return refuse(); } catch (e) { if (!(e instanceof RpcError)) throw 1; throw e; } };`,
      'src/b.mjs': `import { refuse } from 'dep'; export default async () => refuse();`,
      'src/c.cjs': `module.exports = function named() { return require('dep').refuse(); };`,
      'node_modules/dep/package.json': '{ "name": "dep", "version": "1.2.3", "license": "0BSD", "main": "index.js" }',
      'node_modules/dep/index.js': `const { RpcError } = require('fib-worker/function');
        exports.refuse = () => { throw new RpcError('NOT_FOUND', 'from a package'); };`,
      // nobody is to be taken in by a package of this name
      'node_modules/fib-worker/function.js': 'exports.RpcError = class RpcError extends Error {};',
    });
    for (const file of ['a.ts', 'b.mjs', 'c.cjs']) {
      const outfile = path.join(folder, `${file}.js`);
      assert.equal((await build(path.join(folder, 'src'), [file, '--outfile', outfile])).code, 0);
      assert.match(readFileSync(outfile, 'utf8'), /\ndep 1\.2\.3\n\nlicence: 0BSD, no licence file\n/);
      const queue = uniqueQueue(t);
      const worker = start(t, outfile, ['--queue', queue]);
      cleanUp(t, () => worker.stop());
      await worker.says(/"consuming"/);
      const { code, stderr } = await runClient(t, ['--queue', queue, '-q', '--body', 'x']);
      assert.deepEqual([code, stderr], [3, ' [!] NOT_FOUND: from a package\n'], file);
    }
  });

  it('brings a package that this project has for its tests only gets it into its bundle', async (t) => {
    const worker = await buildWorker(
      t,
      `import { mine } from 'ajv';
       import { made } from './node_modules/.made/client/index.js'; // as code generators put it there
       export default () => made;
       export const name = mine;`,
      {
        'node_modules/.made/client/index.js': `exports.made = '';`,
        'node_modules/ajv/package.json': '{ "name": "ajv", "version": "0.0.1", "license": "0BSD", "main": "index.js" }',
        'node_modules/ajv/index.js': `exports.mine = 'of-mine';`,
      },
    );
    const { stdout } = await start(t, worker, ['--help']).end();
    assert.match(stdout, /the function 'of-mine'/);
  });

  it('is Fibonacci can be built in the same way, and src/programs/worker/run.ts knows nothing of it', async (t) => {
    const folder = folderWith(t, {});
    const file = path.join(checkout, 'src/fibonacci.ts');
    assert.equal((await build(folder, [file, '--outfile', 'worker.js'])).code, 0);
    const help = async (worker: string) => (await start(t, worker, ['--help']).end()).stdout;
    assert.equal(await help(path.join(folder, 'worker.js')), await help('worker.js'));
    assert.doesNotMatch(readFileSync(path.join(checkout, 'src/programs/worker/run.ts'), 'utf8'), /max-n|algorithm/);
  });
});
