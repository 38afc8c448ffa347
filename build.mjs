// Bundles every program of src/programs into one file in dist/, and the modules of the package.
//
//   node build.mjs            dist/worker.js, client.js, compare.js, demo.js; in dist/modules the package's modules, without types
//   node build.mjs --package  lib/, what `npm pack` packs; --update-api writes docs/api.md, the reference of its API, anew
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import * as esbuild from 'esbuild';
import { bundlePrograms, put } from './build/one-file.mjs';
import { bundleModules, removeOthers } from './build/package.mjs';

const root = path.dirname(fileURLToPath(import.meta.url));
const options = readOptions();
const manifest = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8'));

function readOptions() {
  try {
    const { values } = parseArgs({
      options: { package: { type: 'boolean', default: false }, 'update-api': { type: 'boolean', default: false } },
    });
    return values;
  } catch (error) {
    process.stderr.write(`build: ${error.message}\n`);
    process.exit(1);
  }
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

/** For this project's own function, whose module imports what others' do. */
const functionImports = {
  name: 'function-imports',
  setup(build) {
    build.onResolve({ filter: /^fib-worker\/function$/ }, () => ({
      path: path.join(root, 'src/function/api.ts'),
      sideEffects: false,
    }));
  },
};

/** The programs, each of which becomes one file. */
const programs = [
  'worker/worker',
  'client/client',
  'demo',
  ...['compare', 'compare-child', 'compare-program'].map((file) => `compare/${file}`),
];

/** The versions of the packages that the comparison measures. */
const { 'rabbitmq-client': rabbitmqClient, amqplib, '@cloudamqp/amqp-client': amqpClient } = manifest.devDependencies;
const peers = {
  'rabbitmq-client': rabbitmqClient,
  amqplib,
  '@cloudamqp/amqp-client': amqpClient,
  'fib-worker': manifest.version,
};

/** The packages that go into bundles. */
const bundled = ['prom-client', 'rabbitmq-client'];

const shared = {
  absWorkingDir: root,
  // the same for each file, however it was found: else "use strict" comes and goes with who resolves it first
  tsconfigRaw: {},
  logLevel: 'warning',
  define: {
    'process.env.FIB_WORKER_VERSION': JSON.stringify(manifest.version),
    'process.env.FIB_WORKER_PEERS': JSON.stringify(JSON.stringify(peers)),
  },
  // what is only there in a checkout is never put into a bundle
  external: Object.keys(manifest.devDependencies).filter((name) => !bundled.includes(name)),
  plugins: [leftOut, functionImports],
};

try {
  if (options.package) {
    await removeOthers(path.join(root, 'lib'), await bundleModules(root, shared, 'lib'));
    const { declarePackage } = await import('./build/declarations.mjs');
    await declarePackage(root, { update: options['update-api'] });
  } else {
    const bundles = await bundlePrograms(
      esbuild,
      {
        ...shared,
        entryPoints: programs.map((file) => ({ in: `src/programs/${file}.ts`, out: path.posix.basename(file) })),
        outdir: 'dist',
      },
      true,
    );
    const modules = await bundleModules(root, shared, 'dist/modules');
    // as CommonJS programs start some milliseconds sooner than as the ES modules that this checkout's package.json makes of them
    const kinds = { 'dist/package.json': 'commonjs', 'dist/modules/package.json': 'module' };
    const manifests = Object.entries(kinds).map(([file, type]) => ({
      path: path.join(root, file),
      text: `${JSON.stringify({ type })}\n`,
    }));
    for (const { path: file, text } of [...bundles, ...manifests]) await put(file, text);
    await removeOthers(path.join(root, 'dist'), [...bundles, ...manifests].map((file) => file.path).concat(modules));
  }
} catch (error) {
  if (!error.errors) throw error;
  process.exit(1); // esbuild has said it all
}
