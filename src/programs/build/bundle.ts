import path from 'node:path';
import type * as Esbuild from 'esbuild';
import { bundlePrograms } from '../../../build/one-file.mjs';
import { UsageError } from '../../cli/option.ts';
import { isFunctionName } from '../../protocol/contract.ts';
import { printable } from '../../protocol/text.ts';

/** A worker, bundled. */
export interface BundledWorker {
  readonly code: string;
  /** The files that went into it. */
  readonly inputs: readonly string[];
}

/**
 * Bundles a worker around modules, whose packages are found from their own folders.
 * @param modules where the package's modules lie
 * @throws UsageError with the first thing that can't be bundled, and its place
 */
export async function bundleWorker(sources: readonly string[], modules: string): Promise<BundledWorker> {
  const esbuild = await loadEsbuild();
  const options = {
    absWorkingDir: process.cwd(),
    stdin: { contents: entry(sources, modules), resolveDir: process.cwd(), sourcefile: 'worker' },
    outfile: 'worker.js',
    plugins: [oneCopy(modules), optionalPeers(modules)],
    logLevel: 'silent' as const,
  };
  const [worker] = await bundlePrograms(esbuild, options, false).catch((error: unknown) => {
    throw isBuildFailure(error) ? new UsageError(describeFailure(error)) : error;
  });
  if (!worker) throw new Error('esbuild gave no output');
  return { code: worker.text, inputs: worker.inputs };
}

async function loadEsbuild(): Promise<typeof Esbuild> {
  try {
    return await import('esbuild');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new UsageError('esbuild, which bundles, is missing: npm i -D esbuild');
  }
}

/** The program that is bundled: the package's worker, with the functions of these modules. */
function entry(sources: readonly string[], modules: string): string {
  const worker = JSON.stringify(path.join(modules, 'worker.js'));
  return `import { runWorker } from ${worker};
runWorker({
  usage: 'node worker.js [options]',
  script: import.meta.filename,
  modules: [${sources.map(functionSource).join(', ')}],
});
`;
}

function functionSource(source: string): string {
  const { name } = path.parse(source);
  const known = {
    file: path.relative('', source).replaceAll(path.sep, '/'),
    name: isFunctionName(name) ? name : undefined,
  };
  return `{ ...${JSON.stringify(known)}, load: () => import(${JSON.stringify(path.resolve(source))}) }`;
}

/** Gives the worker and all functions the one copy of the package that is run: an error of one is that of the other. */
function oneCopy(modules: string): Esbuild.Plugin {
  const files: Readonly<Record<string, string>> = { 'fib-worker': 'index.js', 'fib-worker/function': 'function.js' };
  return {
    name: 'one-copy',
    setup(build) {
      build.onResolve({ filter: /^fib-worker(\/function)?$/ }, ({ path: name }) => ({
        path: path.join(modules, files[name] ?? ''),
        sideEffects: false,
      }));
    },
  };
}

/** Leaves out OpenTelemetry's API if the project has none: the worker wants it where an SDK runs, and nowhere else. */
function optionalPeers(modules: string): Esbuild.Plugin {
  return {
    name: 'optional-peers',
    setup(build) {
      build.onResolve({ filter: /^@opentelemetry\/api$/ }, async ({ path: name, kind, importer, pluginData }) => {
        if (pluginData === optionalPeers || !importer.startsWith(modules)) return undefined;
        const found = await build.resolve(name, { kind, resolveDir: process.cwd(), pluginData: optionalPeers });
        return found.errors.length > 0 ? { path: name, external: true } : found;
      });
    },
  };
}

function isBuildFailure(error: unknown): error is Esbuild.BuildFailure {
  return error instanceof Error && 'errors' in error && Array.isArray(error.errors);
}

/** The first error, on one line, with its place. */
function describeFailure({ errors }: Esbuild.BuildFailure): string {
  const [first] = errors;
  if (!first) return 'esbuild failed';
  const { location, text } = first;
  const place = location ? `${location.file}:${location.line}:${location.column + 1}: ` : '';
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  return printable(`${place}${text}${more}`);
}
