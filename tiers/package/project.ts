import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { checkout } from '../../test-helpers/own-function.ts';

/** How long a program may say nothing at all, in ms: on an idle machine none takes a tenth of it. */
const LIMIT = 600_000;

/** The outcome of a program. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder outside the checkout, where the package is used as strangers use it. */
export class Project {
  readonly folder = mkdtempSync(path.join(os.tmpdir(), 'fib-worker-package-'));

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  at(...names: string[]): string {
    return path.join(this.folder, ...names);
  }

  /** Writes files, by their names below the folder. */
  write(files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(path.dirname(this.at(name)), { recursive: true });
      writeFileSync(this.at(name), text);
    }
  }

  /** Runs a program in the folder, with nothing of this process's environment that would change what Node or npm do. */
  run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}, cwd = this.folder): Promise<Ran> {
    const { PATH, HOME, TMPDIR, XDG_CACHE_HOME } = process.env;
    const options = { cwd, env: { PATH, HOME, TMPDIR, XDG_CACHE_HOME, ...env }, timeout: LIMIT, maxBuffer: 2 ** 26 };
    return new Promise((resolve) => {
      execFile(program, args, options, (error, stdout, stderr) => {
        const code = error ? (typeof error.code === 'number' ? error.code : -1) : 0;
        resolve({ code, stdout, stderr: code === -1 ? `${stderr}${error?.message}` : stderr });
      });
    });
  }

  /** Runs a program that has to succeed; gives its standard output. */
  async must(program: string, ...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(program, args);
    if (code !== 0) throw new Error(`${[program, ...args].join(' ')} ended with ${code}:\n${stdout}${stderr}`);
    return stdout;
  }

  /** `npm install` of these packages, without install scripts. */
  async install(...packages: string[]): Promise<void> {
    await this.must('npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-save', ...packages);
  }
}

/** The tarball that `npm pack` makes of this checkout. */
export interface Tarball {
  readonly file: string;
  /** Its length in bytes. */
  readonly size: number;
  /** The files in it. */
  readonly names: readonly string[];
}

/** Builds the package, which checks docs/api.md, and packs it into the project's folder. */
export async function pack(project: Project): Promise<Tarball> {
  const inCheckout = async (program: string, ...args: string[]) => {
    const { code, stdout, stderr } = await project.run(program, args, {}, checkout);
    if (code !== 0) throw new Error(`${[program, ...args].join(' ')} ended with ${code}:\n${stdout}${stderr}`);
    return stdout;
  };
  await inCheckout(process.execPath, 'build.mjs', '--package');
  const packed = await inCheckout('npm', 'pack', '--json', '--pack-destination', project.folder);
  const [{ filename, size, files }] = JSON.parse(packed) as [
    { filename: string; size: number; files: { path: string }[] },
  ];
  return { file: project.at(filename), size, names: files.map((one) => one.path) };
}

/** Runs a client again until the worker has made its queue, or has ended; gives what both did. */
export async function askWhileItRuns(
  worker: Promise<Ran>,
  client: () => Promise<Ran>,
): Promise<[worker: Ran, client: Ran]> {
  let ended = false;
  const end = () => {
    ended = true;
  };
  worker.then(end, end);
  let asked = await client();
  while (!ended && /there is no queue/.test(asked.stderr)) asked = await client();
  return [await worker, asked];
}
