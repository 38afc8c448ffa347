// For Node versions that can't run TypeScript as it is: `node --import ./test-helpers/typescript.mjs FILE.ts` runs it there as
// well. Types are removed by esbuild, once for each version of a file: what comes out is kept in node_modules/.cache. On a Node
// that can, this does nothing.
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { register } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const cache = fileURLToPath(new URL('../node_modules/.cache/fib-worker-typescript', import.meta.url));
const asHooks = '?hooks'; // this file is loaded twice: by --import, and in the thread in which Node runs such hooks

if (!process.features.typescript && !import.meta.url.endsWith(asHooks)) {
  register(import.meta.url + asHooks);
  process.setSourceMapsEnabled(true);
}

/** Node's hook: gives the JavaScript of a module. */
export async function load(url, context, next) {
  if (!/^file:.*\.ts$/.test(url)) return next(url, context);
  return { format: 'module', source: await javaScriptOf(fileURLToPath(url)), shortCircuit: true };
}

async function javaScriptOf(file) {
  const source = await readFile(file, 'utf8');
  const known = path.join(cache, `${createHash('sha256').update(`${file}\0${source}`).digest('hex')}.js`);
  const kept = await readFile(known, 'utf8').catch(() => undefined);
  if (kept !== undefined) return kept;
  const { transform } = await import('esbuild');
  const options = { loader: 'ts', format: 'esm', target: 'node20', sourcemap: 'inline', sourcesContent: false };
  const { code } = await transform(source, { ...options, sourcefile: file });
  await keep(known, code).catch(() => {}); // where nothing can be written, it is made each time
  return code;
}

async function keep(file, code) {
  await mkdir(path.dirname(file), { recursive: true });
  const unfinished = `${file}.${randomUUID()}`; // files run at the same time: none may see half a file
  await writeFile(unfinished, code);
  await rename(unfinished, file);
}
