import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import path from 'node:path';

/**
 * Runs a program to its end and gives its standard output.
 *
 * @param options.timeout in ms; default none
 * @throws an Error with the program's name and the last line of its complaint; the signal's reason if it was aborted
 */
export function run(
  program: string,
  args: readonly string[],
  options: { env: NodeJS.ProcessEnv; cwd?: string; timeout?: number; signal?: AbortSignal | undefined },
): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { ...options, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      if (options.signal?.aborted) return reject(options.signal.reason);
      const complaint =
        stderr.trim() || stdout.trim() || (error.killed ? `no answer within ${options.timeout} ms` : error.message);
      reject(new Error(`${path.basename(program)}: ${complaint.slice(-1_000)}`, { cause: error }));
    });
  });
}

/** The full path of a program in the folders of PATH; undefined if there is none. */
export async function which(program: string, searched = process.env.PATH ?? ''): Promise<string | undefined> {
  for (const folder of searched.split(path.delimiter).filter(path.isAbsolute)) {
    const file = path.join(folder, program);
    if (
      await access(file, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return file;
  }
  return undefined;
}
