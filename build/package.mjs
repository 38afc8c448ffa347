// Bundles what the npm package holds: ES modules that share their common parts, the two programs among them.
import { mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import * as esbuild from 'esbuild';
import { staticBuiltins } from './builtins.mjs';
import { bundled, licences, put } from './one-file.mjs';

/** What users import, by its name below lib/. All of it shares lib/types.d.ts. */
export const entries = {
  index: 'src/index.ts',
  function: 'src/function/api.ts',
  testing: 'src/testing.ts',
  opentelemetry: 'src/opentelemetry.ts',
};

/** What users run, and the worker that `fib-worker build` bundles with their functions. */
const programs = { 'fib-worker': 'src/programs/fib-worker.ts', 'fib-client': 'src/programs/client/client.ts' };
const worker = { worker: 'src/programs/worker/run.ts' };

/**
 * Bundles the modules of the package. One build for all, so that there is one `RpcError`.
 *
 * @param root the checkout
 * @param options esbuild's, for what a bundle is made of
 * @param folder where they go, from the checkout
 * @returns the files
 */
export async function bundleModules(root, options, folder) {
  const { outputFiles, metafile } = await esbuild.build({
    ...options,
    ...bundled,
    entryPoints: Object.entries({ ...entries, ...programs, ...worker }).map(([out, file]) => ({ in: file, out })),
    outdir: folder,
    chunkNames: 'shared/[name]-[hash]',
    format: 'esm',
    splitting: true,
    metafile: true,
    write: false,
    plugins: [...options.plugins, staticBuiltins],
  });
  for (const { path: file, text } of outputFiles) {
    const name = path.relative(root, file).replaceAll(path.sep, '/');
    const inputs = Object.keys(metafile.outputs[name].inputs).map((input) => path.resolve(root, input));
    const isProgram = path.basename(file, '.js') in programs;
    await mkdir(path.dirname(file), { recursive: true });
    const start = isProgram ? '#!/usr/bin/env node\n' : '';
    await put(file, start + text + (await licences(inputs, true)), isProgram ? 0o777 : 0o666);
  }
  return outputFiles.map((file) => file.path);
}

/** Removes the files that earlier builds left in a folder, but not what another one is writing just now. */
export async function removeOthers(folder, made) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && !entry.name.endsWith('.tmp'));
  for (const file of files.map((entry) => path.join(entry.parentPath ?? entry.path, entry.name)))
    if (!made.includes(file)) await rm(file, { force: true });
}
