import { readFileSync } from 'node:fs';
import path from 'node:path';

/** The versions of this package and of those that it is measured against: a bundle has them inside, sources find them in package.json. */
export const versions = JSON.parse(process.env.FIB_WORKER_PEERS ?? versionsOfSource()) as Readonly<
  Record<string, string>
>;

function versionsOfSource(): string {
  const manifest = JSON.parse(readFileSync(path.join(import.meta.dirname, '../../../package.json'), 'utf8'));
  return JSON.stringify({ ...manifest.devDependencies, [manifest.name]: manifest.version });
}

/** A package's name with its version. */
export function named(name: string): string {
  return `${name} ${versions[name]}`;
}

/**
 * Loads a package that only a checkout has.
 * @throws Error that says what to do if it is not there
 */
export async function load<T>(name: string, importing: Promise<T>): Promise<T> {
  try {
    return await importing;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') throw error;
    throw new Error(`${name} is a development dependency: run npm ci in a checkout`, { cause: error });
  }
}
