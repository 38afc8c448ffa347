import { readFileSync } from 'node:fs';
import path from 'node:path';

/** This package's version: a bundle has it inside, a program run from source finds it in package.json. */
export const version: string = process.env.FIB_WORKER_VERSION ?? versionOfSource();

function versionOfSource(): string {
  const manifest = readFileSync(path.join(import.meta.dirname, '../../package.json'), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
