import { type Stats, statSync } from 'node:fs';
import path from 'node:path';
import { UsageError } from '../../cli/option.ts';
import { quote } from '../../cli/redact.ts';

/**
 * The modules whose functions are served.
 * @throws UsageError if there are none, or one is not there
 */
export function checkSources(files: readonly string[]): readonly string[] {
  if (files.length === 0) throw new UsageError('no module is named: fib-worker build FILE … --outfile FILE');
  for (const file of files) {
    const found = look(file);
    if (!found) throw new UsageError(`there is no file ${quote(file)}; a path is taken from the current folder`);
    if (!found.isFile()) throw new UsageError(`${quote(file)} is a folder; name the module in it`);
  }
  return files;
}

/**
 * The file that is to be written. It need not be there, but its folder must.
 * @throws UsageError that says why it can't be this one
 */
export function checkOutfile(file: string | undefined): string {
  if (file === undefined)
    throw new UsageError('--outfile is missing: name the file to write, as in --outfile worker.js');
  const named = `--outfile ${quote(file)}`;
  const folder = path.dirname(file);
  if (look(file)?.isDirectory()) throw new UsageError(`${named} is a folder; name a file in it, such as worker.js`);
  if (!look(folder)?.isDirectory())
    throw new UsageError(`${named}: there is no folder ${quote(folder)}; make it first`);
  if (!/\.[cm]?js$/.test(file))
    throw new UsageError(`${named}: expected a name that ends in .js, .cjs or .mjs: nothing else is overwritten`);
  return file;
}

/**
 * Keeps sources from being overwritten by what is made of them.
 * @throws UsageError if the file is one of those that went into the worker
 */
export function notAnInput(file: string, inputs: readonly string[]): void {
  const found = look(file);
  if (!found) return;
  const isFound = (one: Stats | undefined) => one?.ino === found.ino && one.dev === found.dev;
  if (inputs.some((input) => isFound(look(input))))
    throw new UsageError(`--outfile ${quote(file)} is a source of this worker; take another name`);
}

function look(file: string): Stats | undefined {
  try {
    return statSync(file, { throwIfNoEntry: false });
  } catch (error) {
    throw new UsageError(`${quote(file)} can't be looked at: ${(error as Error).message}`);
  }
}
