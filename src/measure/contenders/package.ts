/** The versions of the packages that are measured, from package.json: put in by the build. */
const versions = JSON.parse(process.env.FIB_WORKER_PEERS ?? '{}') as Record<string, string>;

/** A package's name with its version. */
export function named(name: string): string {
  return `${name} ${versions[name] ?? ''}`.trimEnd();
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
