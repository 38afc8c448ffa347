import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { after, before, describe, it } from 'node:test';
import * as esbuild from 'esbuild';
import { RpcClient, RpcWorker } from '../../src/index.ts';
import type { PrivateBroker } from '../../src/rabbitmq/broker.ts';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { startTestBroker } from '../../test-helpers/own-broker.ts';
import { checkout } from '../../test-helpers/own-function.ts';
import { priceWorker } from './own-project.ts';
import { clientAndWorker, testing, types } from './programs.ts';
import { askWhileItRuns, Project, pack, type Tarball } from './project.ts';
import { getRuntime, runtimes } from './runtimes.ts';
import { isRun, snippets } from './snippets.ts';
import { type, yourFunction } from './walk-through.ts';

/** The compilers that users have, and the module systems. */
const compilers = { 'TypeScript 7': 'typescript@7.0.2', 'TypeScript 5.9': 'typescript@5.9.3' };
const moduleSystems = {
  nodenext: { module: 'nodenext' },
  bundler: { module: 'esnext', moduleResolution: 'bundler' },
};
const strict = {
  target: 'es2022',
  lib: ['es2022'],
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
};

/** The version of zod that the tests have. */
const { zod } = JSON.parse(readFileSync(path.join(checkout, 'package.json'), 'utf8')).devDependencies;

const ownQueue = () => `package-${randomBytes(6).toString('hex')}`;

describe('the package', () => {
  const project = new Project();
  let tarball: Tarball;
  const url = { AMQP_URL: amqpUrl() };

  /** Compiles files in the project with one of the compilers; gives what it complains of. */
  const compile = async (compiler: string, options: object, files: readonly string[]) => {
    writeFileSync(project.at('tsconfig.json'), JSON.stringify({ compilerOptions: { ...strict, ...options }, files }));
    const { stdout, stderr } = await project.run(process.execPath, [
      project.at('compilers', compiler, 'node_modules/typescript/bin/tsc'),
    ]);
    return stdout + stderr;
  };

  before(async () => {
    tarball = await pack(project);
    project.write({ 'package.json': '{ "name": "user", "private": true, "type": "module" }' });
    await project.install(tarball.file, '@types/node@20', `zod@${zod}`); // zod for the documents
    for (const [name, spec] of Object.entries(compilers)) {
      project.write({ [`compilers/${name}/package.json`]: '{}' });
      const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', spec];
      const { code, stderr } = await project.run('npm', args, {}, project.at('compilers', name));
      assert.equal(code, 0, stderr);
    }
  });
  after(() => project.remove());

  it('holds modules, types, the two programs and nothing else, in less than 150 kB', () => {
    const wanted =
      /^(LICENSE|README\.md|package\.json|lib\/(index|function|testing|opentelemetry|types)\.d\.ts|lib\/[\w/-]+\.js)$/;
    assert.deepEqual(
      tarball.names.filter((name) => !wanted.test(name)),
      [],
    );
    assert.ok(tarball.size < 150_000, `${tarball.size} bytes`);
  });

  it('brings no other package along and has no script that npm would run', () => {
    assert.deepEqual(
      readdirSync(project.at('node_modules')).filter((name) => !name.startsWith('.')),
      ['@types', 'fib-worker', 'undici-types', 'zod'], // @types/node and what that needs; the documents' zod
    );
    const manifest = JSON.parse(readFileSync(project.at('node_modules/fib-worker/package.json'), 'utf8'));
    assert.equal(manifest.dependencies, undefined);
    assert.deepEqual(
      Object.keys(manifest.scripts ?? {}).filter((name) => /install|prepare|prepack/.test(name)),
      [],
    );
  });

  it('keeps the licences of what is bundled in it', () => {
    const lib = project.at('node_modules/fib-worker/lib');
    const texts = readdirSync(lib, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.js'))
      .map((name) => readFileSync(path.join(lib, name), 'utf8'));
    for (const name of ['rabbitmq-client', 'prom-client']) {
      const licence = readFileSync(path.join(checkout, 'node_modules', name, 'LICENSE'), 'utf8').trim();
      assert.ok(
        texts.some((text) => text.includes(licence)),
        name,
      );
    }
  });

  it('has types that name nothing internal', () => {
    const text = readFileSync(project.at('node_modules/fib-worker/lib/types.d.ts'), 'utf8');
    assert.match(text, /^\/\/\/ <reference types="node" \/>\n/);
    const code = text.replace(/\/\*.*?\*\//gs, ''); // comments show imports of users
    const imported = [...code.matchAll(/from '([^']+)'|import\('([^']+)'\)/g)].map(
      ([, name, other]) => name ?? other ?? '',
    );
    assert.deepEqual(
      imported.filter((name) => !name.startsWith('node:')),
      [],
    );
    assert.doesNotMatch(text, /rabbitmq-client/);
  });

  describe('compiles with nothing but TypeScript and @types/node beside it', () => {
    before(async () => {
      project.write({
        'types.ts': types,
        'client-and-worker.ts': clientAndWorker,
        'testing.ts': testing,
        // a CommonJS module of TypeScript's, which requires it
        'common.cts': `import { RpcClient } from 'fib-worker';\nexport const client = new RpcClient('amqp://a');\n`,
      });
    });

    for (const compiler of Object.keys(compilers))
      for (const [system, options] of Object.entries(moduleSystems))
        it(`${compiler}, ${system}`, async () => {
          const files = [
            'types.ts',
            'client-and-worker.ts',
            'testing.ts',
            ...(system === 'nodenext' ? ['common.cts'] : []),
          ];
          assert.equal(await compile(compiler, { ...options, noEmit: true }, files), '');
        });
  });

  describe('runs', () => {
    before(async () => {
      await compile('TypeScript 7', { module: 'nodenext', outDir: 'out', rootDir: '.' }, [
        'client-and-worker.ts',
        'testing.ts',
      ]);
      project.write({
        'require.cjs': `const { RpcClient, RpcError, isRpcError } = require('fib-worker');
          const fn = require('fib-worker/function');
          const { startRabbitMQ } = require('fib-worker/testing');
          if (fn.RpcError !== RpcError || typeof startRabbitMQ !== 'function') throw new Error('not the same');
          const client = new RpcClient(process.env.AMQP_URL);
          client.call('nobody-has-this', '1', { timeout: 5_000 }).catch(async (error) => {
            if (!isRpcError(error) || error.reason !== 'NO_QUEUE') throw error;
            await client.close();
            console.log('fine');
          });`,
      });
    });

    const runs = async (program: string, args: readonly string[]) => {
      for (const file of ['out/client-and-worker.js', 'require.cjs']) {
        const { code, stdout, stderr } = await project.run(program, [...args, file, ownQueue()], url);
        // Node 20 and 22 warn of require() of an ES module
        assert.deepEqual([code, stdout], [0, 'fine\n'], `${file}: ${stderr}`);
      }
    };

    it(`on this Node, ${process.version}`, () => runs(process.execPath, []));

    for (const runtime of runtimes)
      it(`on ${runtime.name}`, async (t) => {
        const found = await getRuntime(project, runtime);
        if ('missing' in found) return t.skip(found.missing);
        await runs(found.program, runtime.args);
      });

    it('with a RabbitMQ of its own, fib-worker/testing', async () => {
      const { code, stdout, stderr } = await project.run(process.execPath, ['out/testing.js']);
      assert.deepEqual([code, stdout], [0, 'fine\n'], stderr);
    });

    it('as programs: fib-worker answers fib-client', async () => {
      const queue = ownQueue();
      const bin = (name: string) => project.at('node_modules/.bin', name);
      const workerArgs = ['--queue', queue, '--max-calls', '1', '--threads', '1'];
      const [worker, client] = await askWhileItRuns(project.run(bin('fib-worker'), workerArgs, url), () =>
        project.run(bin('fib-client'), ['--queue', queue, '--quiet', '30'], url),
      );
      assert.equal(worker.code, 0, worker.stderr);
      assert.deepEqual([client.code, client.stdout], [0, '832040\n'], client.stderr);
      for (const name of ['fib-worker', 'fib-client']) {
        const { stdout } = await project.run(bin(name), ['--help']);
        assert.ok(stdout.startsWith(`Usage: ${name} [options]`), stdout.slice(0, 80));
      }
    });

    for (const format of ['esm', 'cjs'] as const)
      it(`bundled once more, to ${format}, and with nothing beside it`, async () => {
        const outfile = project.at('bundled', format, format === 'esm' ? 'program.mjs' : 'program.cjs');
        const entry = project.at(format === 'esm' ? 'out/client-and-worker.js' : 'bundled.js');
        // CommonJS has no await at the top level
        const program = readFileSync(project.at('out/client-and-worker.js'), 'utf8');
        const [imports = '', ...body] = program.split(/(?<=from 'fib-worker';\n)/);
        writeFileSync(project.at('bundled.js'), `${imports}async function main() {\n${body.join('')}\n}\nmain();\n`);
        const result = await esbuild.build({
          absWorkingDir: project.folder,
          entryPoints: [entry],
          outfile,
          bundle: true,
          platform: 'node',
          target: 'node20',
          minify: true,
          format,
          logLevel: 'silent',
        });
        assert.deepEqual([result.warnings, result.errors], [[], []]);
        const elsewhere = new Project();
        try {
          elsewhere.write({ [path.basename(outfile)]: readFileSync(outfile, 'utf8') });
          const { code, stdout, stderr } = await elsewhere.run(
            process.execPath,
            [path.basename(outfile), ownQueue()],
            url,
          );
          assert.deepEqual([code, stdout], [0, 'fine\n'], stderr);
        } finally {
          elsewhere.remove();
        }
      });
  });

  describe("in a project of one's own", () => {
    it('fib-worker build says that it needs esbuild', async () => {
      project.write({ 'fn.js': 'export default () => 1;\n' });
      const bin = project.at('node_modules/.bin/fib-worker');
      const { code, stderr } = await project.run(bin, ['build', 'fn.js', '--outfile', 'worker.js']);
      assert.deepEqual([code, stderr], [2, 'fib-worker build: esbuild, which bundles, is missing: npm i -D esbuild\n']);
    });

    it('docs/your-function.md is a walk-through whose every command does what it shows', async (t) => {
      const { steps, source } = yourFunction();
      const home = new Project(); // in no other project: npm would see that
      t.after(() => home.remove());
      cpSync(tarball.file, home.at(path.basename(tarball.file)));
      const codes: (number | null)[] = [];
      for (const [index, { command, shown }] of steps.entries()) {
        const { code, said, end } = await type(home, index === 0 ? '.' : 'words', command, amqpUrl());
        t.after(end);
        if (index === 0) home.write({ 'words/words.ts': source });
        if (shown) assert.equal(said.replace(/\d+ kB/, '900 kB'), shown, command);
        codes.push(code);
      }
      assert.deepEqual(codes, [0, 0, 0, 0, null, 0, 3]);
      const worker = readFileSync(home.at('words/worker.js'), 'utf8');
      for (const name of ['fib-worker', 'prom-client', 'rabbitmq-client', 'zod'])
        assert.match(
          worker,
          new RegExp(`^${name} \\d+\\.\\d+\\.\\d+\\n\\n.*(Licen[cs]e|Copyright)`, 'm'),
          `the licence of ${name}`,
        );

      // here is an esbuild
      home.write({ 'words/loop.js': 'for (;;);\n' });
      const bin = home.at('words/node_modules/.bin/fib-worker');
      const looping = await home.run(bin, ['build', 'loop.js', '--outfile', 'worker.js'], {}, home.at('words'));
      assert.equal(looping.code, 2);
      assert.match(looping.stderr, /^fib-worker build: "loop\.js" does not load: no sign of life for 30 s[^\n]*\n$/);
      assert.equal(readFileSync(home.at('words/worker.js'), 'utf8'), worker, 'the one before');
    });

    it('examples/price-worker compiles, passes its own tests, and its worker serves both functions', async (t) => {
      const example = await priceWorker(t, tarball);
      await example.must('npm', 'run', 'check');
      await example.must('npm', 'test');
      const worker = await type(example, '.', 'node dist/worker.js --tax-rate 50 &', amqpUrl(), 2);
      t.after(worker.end);
      const ask = async (queue: string, body: string) => {
        const args = ['--queue', queue, '--quiet', '--body', body];
        const { stdout, stderr } = await example.run(example.at('node_modules/.bin/fib-client'), args, url);
        return stdout + stderr;
      };
      assert.equal(await ask('price', '{"sku": "apple", "count": 3}'), '{"cents":90}\n');
      assert.equal(await ask('price', '{"sku": "stone"}'), ' [!] NOT_FOUND: there is no stone\n');
      assert.equal(await ask('tax', '90'), '45\n');
    });
  });

  describe('is in order', () => {
    for (const [name, spec, args] of [
      ['publint', 'publint@0.3.25', ['--strict']],
      // types for ES modules alone: who requires it has a Node that can
      ['attw', '@arethetypeswrong/cli@0.18.5', ['--profile', 'esm-only', '--no-color']],
    ] as const)
      it(`as ${name} sees it`, async () => {
        const folder = `tools/${name}`;
        project.write({ [`${folder}/package.json`]: '{}' });
        const install = ['install', '--ignore-scripts', '--no-audit', '--no-fund', spec];
        const installed = await project.run('npm', install, {}, project.at(folder));
        assert.equal(installed.code, 0, installed.stderr);
        const { code, stdout, stderr } = await project.run(project.at(folder, 'node_modules/.bin', name), [
          tarball.file,
          ...args,
        ]);
        assert.equal(code, 0, stdout + stderr);
      });
  });

  describe('does what the documents show, where fib-worker serves rpc_queue:', () => {
    let broker: PrivateBroker;
    let worker: ChildProcess;
    before(async () => {
      broker = await startTestBroker();
      const { devDependencies } = JSON.parse(readFileSync(path.join(checkout, 'package.json'), 'utf8'));
      const others = ['@opentelemetry/api', '@opentelemetry/sdk-trace-node'].map(
        (name) => `${name}@${devDependencies[name]}`,
      );
      await project.install(tarball.file, '@types/node@20', `zod@${zod}`, ...others); // npm removes what is not named
      worker = spawn(project.at('node_modules/.bin/fib-worker'), ['--url', broker.url], { stdio: 'ignore' });
    });
    after(async () => {
      worker.kill();
      await broker[Symbol.asyncDispose]();
    });

    const shown = snippets();
    it('there are programs in them', () => assert.ok(shown.some(({ text }) => isRun(text))));

    for (const [index, { file, line, text }] of shown.entries())
      it(`${file}:${line}`, async () => {
        const name = `snippet-${index}.ts`;
        project.write({ [name]: text.replaceAll(/amqp:\/\/localhost(?=['"`])/g, broker.url) });
        const out = `snippets/${index}`;
        assert.equal(await compile('TypeScript 7', { module: 'nodenext', outDir: out, rootDir: '.' }, [name]), '');
        if (!isRun(text)) return;
        const { code, stdout, stderr } = await project.run(process.execPath, [`${out}/snippet-${index}.js`]);
        assert.equal(code, 0, stdout + stderr);
      });

    it('examples/http-service.ts', async (t) => {
      project.write({ 'http-service.ts': readFileSync(path.join(checkout, 'examples/http-service.ts'), 'utf8') });
      const options = { module: 'nodenext', outDir: 'example', rootDir: '.' };
      assert.equal(await compile('TypeScript 7', options, ['http-service.ts']), '');
      const words = new RpcWorker(broker.url).serve('words', (request) => {
        const { text } = request.json() as { text: string };
        return { words: text.split(' ').length };
      });
      await words.start();
      t.after(() => words.close());
      const service = spawn(process.execPath, ['example/http-service.js'], {
        cwd: project.folder,
        env: { AMQP_URL: broker.url, PORT: '0' },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      t.after(() => service.kill('SIGKILL'));
      const [line] = (await once(readline.createInterface({ input: service.stdout }), 'line')) as [string];
      const base = `http://127.0.0.1:${/\d+$/.exec(line)?.[0]}`;
      const ask = async (where: string, init?: RequestInit) => {
        const response = await fetch(base + where, init);
        return [response.status, await response.json()] as const;
      };
      const post = (body: string) => ask('/words', { method: 'POST', body });
      assert.deepEqual(await ask('/fib/30'), [200, { n: '30', fib: '832040' }]);
      assert.deepEqual(await post('{"text": "to be or not"}'), [200, { words: 4 }]);
      const [status, { code }] = (await ask('/fib/-1')) as [number, { code: string }];
      assert.deepEqual([status, code], [400, 'INVALID_ARGUMENT']);
      assert.equal((await post('no JSON'))[0], 400);
      assert.equal((await ask('/nowhere'))[0], 404);
      const client = new RpcClient(broker.url);
      t.after(() => client.close());
      assert.deepEqual((await client.call('greet', 'Ada')).json(), { greeting: 'Hello, Ada!' });
      service.kill();
      assert.deepEqual(await once(service, 'exit'), [0, null]);
    });
  });
});
