// Makes programs of one file: build.mjs those of this checkout, `fib-worker build` a worker of one's own.
//
// Such a file has no import, export or require, and takes Node's modules from `process.getBuiltinModule`: it runs as an ES module
// and as CommonJS, in any folder and beside any package.json.
import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { builtinsByProcess } from './builtins.mjs';

/** What stands for a module's own file, its folder and its URL where the output is no ES module. */
const ownFile = {
  'import.meta.filename': '__filename',
  'import.meta.dirname': '__dirname',
  'import.meta.url': '__programUrl',
};

/**
 * What begins a program. As an ES module it has no file name and no `require` until it is told; as CommonJS these `var`s are
 * the parameters that it has already. A package that a function brings along may use all three.
 */
const PROGRAM_START = `var require, __filename, __dirname, __programUrl;
if (!__filename) {
  const { prepareStackTrace } = Error;
  Error.prepareStackTrace = (_, [here]) => here.getFileName();
  __filename = process.getBuiltinModule('node:url').fileURLToPath(new Error().stack);
  Error.prepareStackTrace = prepareStackTrace;
  __dirname = process.getBuiltinModule('node:path').dirname(__filename);
  require = process.getBuiltinModule('node:module').createRequire(__filename);
}
__programUrl = process.getBuiltinModule('node:url').pathToFileURL(__filename).href;`;

/** How everything that leaves a build is bundled. */
export const bundled = {
  bundle: true,
  platform: /** @type {const} */ ('node'),
  target: 'node20',
  minifyWhitespace: true,
  minifySyntax: true, // but not identifiers: a stack trace in a log shall say something
  lineLimit: 160, // Node shows the line of an error that nobody caught: not the whole bundle then
  legalComments: /** @type {const} */ ('none'), // whole licences are appended
};

/**
 * Bundles programs, and gives what is to be written.
 *
 * @param {typeof import('esbuild')} esbuild
 * @param {import('esbuild').BuildOptions & { absWorkingDir: string }} options what goes in, and where it is to lie
 * @param {boolean} ours whether all that goes in is ours: strict mode then, and no package without a licence
 * @returns {Promise<{ path: string, text: string, inputs: string[] }[]>} absolute paths, also of the files that went in
 */
export async function bundlePrograms(esbuild, options, ours) {
  const root = options.absWorkingDir;
  const { outputFiles, metafile } = await esbuild.build({
    ...options,
    ...bundled,
    format: 'iife',
    // a function's packages may be too old for strict mode
    banner: { js: ours ? `"use strict";\n${PROGRAM_START}` : PROGRAM_START },
    define: { ...options.define, ...ownFile },
    plugins: [...(options.plugins ?? []), builtinsByProcess],
    metafile: true,
    write: false,
  });
  const outputs = new Map(Object.entries(metafile.outputs).map(([name, output]) => [path.resolve(root, name), output]));
  return Promise.all(
    outputFiles.map(async ({ path: file, text }) => {
      const inputs = Object.keys(outputs.get(file).inputs).map((input) => path.resolve(root, input));
      return { path: file, text: text + (await licences(inputs, ours)), inputs };
    }),
  );
}

const LICENCES = '\n/*! This file holds these packages:\n\n';
const NEXT = '\n\n---\n\n';

/**
 * The licences of the packages that a bundle holds, as a comment for its end.
 *
 * @param {readonly string[]} inputs the files that went into it
 * @param {boolean} demanded whether a package without a licence is an error
 */
export async function licences(inputs, demanded) {
  const folders = new Set(
    inputs.map((input) => /^(.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+)[\\/]/.exec(input)?.[1]),
  );
  folders.delete(undefined);
  const texts = await Promise.all([
    ...[...folders].map((folder) => licenceOf(String(folder), demanded)),
    ...inputs.filter((input) => input.endsWith('.js')).map(licencesIn),
  ]);
  const all = [...new Set(texts.flat())].sort();
  return all.length ? `${LICENCES}${all.join(NEXT).replaceAll('*/', '* /')}\n*/\n` : '';
}

/** The name of the package in a folder, and its licence. */
async function licenceOf(folder, demanded) {
  const manifest = await readFile(path.join(folder, 'package.json'), 'utf8').catch((error) => {
    if (demanded) throw error;
    return '{}'; // no package, but what some tool has put among them
  });
  const { name = path.basename(folder), version = 'of no version', license } = JSON.parse(manifest);
  const entries = await readdir(folder, { withFileTypes: true }); // also folders: `LICENSES/` of some
  const files = entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
  const file = files.find((entry) => /^licen[cs]e/i.test(entry));
  // what a function of somebody's own brings along is for them to judge
  if (!file && !demanded) return `${name} ${version}\n\nlicence: ${license ?? 'not stated'}, no licence file`;
  if (!file) throw new Error(`${name} ${version} goes into a bundle and has no licence file`);
  const notices = files.filter((entry) => /^notice/i.test(entry)); // Apache-2.0, section 4d
  const parts = await Promise.all([file, ...notices].map((part) => readFile(path.join(folder, part), 'utf8')));
  return `${name} ${version}\n\n${parts.map((part) => part.trim()).join('\n\n')}`;
}

/** The licences that a file ends with because it is a bundle of ours itself: a part of the package, say. */
async function licencesIn(file) {
  const [, ending] = (await readFile(file, 'utf8').catch(() => '')).split(LICENCES);
  return ending ? ending.slice(0, -'\n*/\n'.length).split(NEXT) : [];
}

/**
 * Writes a file in one step: who reads or runs it meanwhile has the old one or the new one, whole.
 *
 * @param {string} file
 * @param {string} content
 * @param {number} [mode]
 */
export async function put(file, content, mode = 0o666) {
  const unfinished = `${file}.${process.pid}.tmp`;
  await writeFile(unfinished, content, { mode });
  await rename(unfinished, file);
}
