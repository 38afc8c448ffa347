// Bundles every program of src/programs into one file in dist/.
//
//   node build.mjs            dist/worker.js, client.js, compare.js, demo.js
//   node build.mjs --package  lib/, what `npm pack` packs; --update-api writes docs/api.md, the reference of its API, anew
//   node build.mjs --function FILE [--outfile FILE]
//                             a worker that serves this function, by default as dist/worker.js; see docs/your-function.md
//
// A bundle has no import, export or require, and takes Node's modules from `process.getBuiltinModule`: it runs as an ES module
// and as CommonJS, in any folder and beside any package.json.
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import * as esbuild from 'esbuild';
import { builtinsByProcess } from './build/builtins.mjs';
import { bundlePackage, declarePackage } from './build/package.mjs';

const root = path.dirname(fileURLToPath(import.meta.url));
const options = readOptions();
const manifest = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8'));

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        package: { type: 'boolean', default: false },
        'update-api': { type: 'boolean', default: false },
        function: { type: 'string' },
        outfile: { type: 'string' },
      },
    });
    if (values.function !== undefined && values.package) throw new Error('--function and --package: take one of them');
    if (values.function === undefined && values.outfile !== undefined)
      throw new Error('--outfile needs --function FILE');
    return values;
  } catch (error) {
    fail(error.message);
  }
}

/** Ends with one line for people. */
function fail(message) {
  process.stderr.write(`build: ${message}\n`);
  process.exit(1);
}

/**
 * What packages load and nothing here has a use for: exemplars for OpenTelemetry, summaries, the push gateway and metrics of a
 * cluster of processes, two thirds of prom-client; rabbitmq-client's own consumer and RPC client, and its way to TLS, which takes
 * milliseconds to load. In their place a bundle gets empty modules.
 */
const leftOut = {
  name: 'left-out',
  setup(build) {
    build.onResolve(
      { filter: /^(@opentelemetry\/api|\.\/lib\/(summary|pushgateway|cluster))$/ },
      ({ path: name, importer }) =>
        importer.includes('/node_modules/prom-client/') ? { path: name, namespace: 'left-out' } : undefined,
    );
    build.onResolve({ filter: /^(\.\/(Consumer|RPCClient)|node:tls)$/ }, ({ path: name, importer }) =>
      importer.includes('/node_modules/rabbitmq-client/') ? { path: name, namespace: 'left-out' } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({ contents: '' }));
  },
};

/** The licences of the packages that a bundle holds, as a comment for its end. */
async function licences({ inputs }) {
  const packages = new Set(
    Object.keys(inputs)
      .map((input) => /^(.*(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1])
      .filter(Boolean),
  );
  const texts = await Promise.all(
    [...packages].sort().map(async (place) => {
      const folder = path.resolve(root, place);
      const { name, version, license } = JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8'));
      const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
      // what a function of somebody's own brings along is for them to judge
      if (!file && options.function)
        return `${name} ${version}\n\nlicence: ${license ?? 'not stated'}, no licence file`;
      if (!file) throw new Error(`${name} ${version} goes into a bundle and has no licence file`);
      const notices = (await readdir(folder)).filter((entry) => /^notice/i.test(entry)); // Apache-2.0, section 4d
      const parts = await Promise.all([file, ...notices].map((part) => readFile(path.join(folder, part), 'utf8')));
      return `${name} ${version}\n\n${parts.map((part) => part.trim()).join('\n\n')}`;
    }),
  );
  return texts.length
    ? `\n/*! This file holds these packages:\n\n${texts.join('\n\n---\n\n').replaceAll('*/', '* /')}\n*/\n`
    : '';
}

/** Gives all functions the one copy of what they import. */
const functionImports = {
  name: 'function-imports',
  setup(build) {
    const names = { 'fib-worker': 'src/index.ts', 'fib-worker/function': 'src/function/api.ts' };
    build.onResolve({ filter: /^fib-worker(\/function)?$/ }, ({ path: name }) => ({
      path: path.join(root, names[name]),
      sideEffects: false,
    }));
  },
};

/** Puts the function of `file` in the place of the default one. */
function servedFunction(file) {
  return {
    name: 'served-function',
    setup(build) {
      build.onResolve({ filter: /\/fibonacci\.ts$/ }, ({ importer }) =>
        importer === path.join(root, 'src/programs/worker/worker.ts') ? { path: file } : undefined,
      );
    },
  };
}

/** The programs, each of which becomes one file. */
const programs = [
  'worker/worker',
  'client/client',
  'demo',
  ...['compare', 'compare-child', 'compare-program'].map((file) => `compare/${file}`),
];

/** The versions of the packages that the comparison measures as peers. */
const { 'rabbitmq-client': rabbitmqClient, amqplib, '@cloudamqp/amqp-client': amqpClient } = manifest.devDependencies;
const peers = { 'rabbitmq-client': rabbitmqClient, amqplib, '@cloudamqp/amqp-client': amqpClient };

/** The packages that go into bundles. */
const bundled = ['prom-client', 'rabbitmq-client'];

const shared = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20',
  // the same for each file, however it was found: else "use strict" comes and goes with who resolves it first
  tsconfigRaw: {},
  logLevel: 'warning',
  define: {
    'process.env.FIB_WORKER_VERSION': JSON.stringify(manifest.version),
    'process.env.FIB_WORKER_FUNCTION': '"fibonacci"',
    'process.env.FIB_WORKER_PEERS': JSON.stringify(JSON.stringify(peers)),
  },
  // what is only there in a checkout is never put into a bundle
  external: Object.keys(manifest.devDependencies).filter((name) => !bundled.includes(name)),
  plugins: [leftOut, functionImports],
};

/** What stands for the names of a module's own file and folder where the output is no ES module. */
const ownFile = { 'import.meta.filename': '__filename', 'import.meta.dirname': '__dirname' };

/**
 * What begins a program. As an ES module it has no file name and no `require` until it is told; as CommonJS these `var`s are
 * the parameters that it has already. A package that a function brings along may use all three.
 */
const PROGRAM_START = `var require, __filename, __dirname;
if (!__filename) {
  const { prepareStackTrace } = Error;
  Error.prepareStackTrace = (_, [here]) => here.getFileName();
  __filename = process.getBuiltinModule('node:url').fileURLToPath(new Error().stack);
  Error.prepareStackTrace = prepareStackTrace;
  __dirname = process.getBuiltinModule('node:path').dirname(__filename);
  require = process.getBuiltinModule('node:module').createRequire(__filename);
}`;

async function bundlePrograms(which) {
  const { outputFiles, metafile } = await esbuild.build({
    ...shared,
    ...which,
    format: 'iife',
    // a function's packages may be too old for strict mode
    banner: { js: options.function === undefined ? `"use strict";\n${PROGRAM_START}` : PROGRAM_START },
    define: { ...(which.define ?? shared.define), ...ownFile },
    plugins: [...(which.plugins ?? shared.plugins), builtinsByProcess],
    metafile: true,
    write: false,
    minifyWhitespace: true,
    minifySyntax: true, // but not identifiers: a stack trace in a log shall say something
    lineLimit: 160, // Node shows the line of an error that nobody caught: not the whole bundle then
    legalComments: 'none', // whole licences are appended
  });
  const outputs = new Map(Object.entries(metafile.outputs).map(([name, output]) => [path.resolve(root, name), output]));
  for (const file of outputFiles) await put(file.path, file.text + (await licences(outputs.get(file.path))));
  return outputFiles.map((file) => file.path);
}

/** Writes a file in one step: who reads or runs it meanwhile has the old one or the new one, whole. */
async function put(file, content) {
  const unfinished = `${file}.${process.pid}.tmp`;
  await writeFile(unfinished, content);
  await rename(unfinished, file);
}

/** Bundles a worker around the function of `file`, and asks the bundle itself whether the function is one. */
async function bundleFunction(file, outfile) {
  const shown = JSON.stringify(options.function);
  const what = statSync(file, { throwIfNoEntry: false });
  if (!what) fail(`--function ${shown}: there is no such file; a path is taken from the current folder`);
  if (!what.isFile()) fail(`--function ${shown}: expected a file, this is a folder`);
  await bundlePrograms({
    entryPoints: ['src/programs/worker/worker.ts'],
    outfile,
    tsconfigRaw: undefined, // its own tsconfig.json counts
    external: [], // its packages are its own, also one that is called as one of ours
    define: { ...shared.define, 'process.env.FIB_WORKER_FUNCTION': '"own"' },
    plugins: [...shared.plugins, servedFunction(file)],
  });
  const { status, stderr, error } = spawnSync(process.execPath, [outfile, '--help'], {
    encoding: 'utf8',
    timeout: 30_000,
  });
  if (status === 0) return;
  if (status === 2) {
    await rm(outfile);
    fail(`--function ${shown}: ${stderr.trim().replace(/^fib-worker: /, '')}`);
  }
  // it may want something that is only there where it runs
  process.stderr.write(`build: --function ${shown} could not be checked here: ${(stderr || String(error)).trim()}\n`);
}

/** Removes what earlier builds left in dist/, but not what another one is writing just now. */
async function removeAllBut(files) {
  const names = await readdir(path.join(root, 'dist'));
  for (const file of names.filter((name) => !name.endsWith('.tmp')).map((name) => path.join(root, 'dist', name)))
    if (!files.includes(file)) await rm(file, { recursive: true, force: true });
}

try {
  await mkdir(path.join(root, 'dist'), { recursive: true });
  if (options.function !== undefined) {
    await bundleFunction(
      path.resolve(options.function),
      path.resolve(options.outfile ?? path.join(root, 'dist/worker.js')),
    );
  } else if (options.package) {
    await bundlePackage(root, shared, licences);
    await declarePackage(root, { update: options['update-api'] });
  } else {
    const bundles = await bundlePrograms({
      entryPoints: programs.map((file) => ({ in: `src/programs/${file}.ts`, out: path.posix.basename(file) })),
      outdir: 'dist',
    });
    // as CommonJS they start some milliseconds sooner than as the ES modules that this checkout's package.json makes of them
    const commonJs = path.join(root, 'dist/package.json');
    await put(commonJs, '{ "type": "commonjs" }\n');
    await removeAllBut([...bundles, commonJs]);
  }
} catch (error) {
  if (!error.errors) throw error;
  process.exit(1); // esbuild has said it all
}
