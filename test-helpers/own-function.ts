import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { programFolder } from './built.ts';
import { cleanUp } from './programs.ts';
import type { Scope } from './rpc.ts';

/** The checkout. */
export const checkout = path.join(programFolder, '..');

/** A folder of this test's own, outside the checkout, with these files in it. */
export function folderWith(t: Scope, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'fib-worker-function-'));
  cleanUp(t, () => rmSync(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), content);
  }
  return folder;
}

/** Runs `fib-worker build` in a folder. */
export async function build(cwd: string, args: readonly string[]): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(process.execPath, [path.join(programFolder, 'modules/fib-worker.js'), 'build', ...args], {
    cwd,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
  return { code, stderr };
}

/** Bundles a worker around the module of this text; the file of the bundle. */
export async function buildWorker(
  t: Scope,
  source: string,
  files: Readonly<Record<string, string>> = {},
): Promise<string> {
  const folder = folderWith(t, { 'fn.ts': source, ...files });
  const { code, stderr } = await build(folder, ['fn.ts', '--outfile', 'worker.js']);
  if (code !== 0 || !/^worker\.js: \d+ kB\n$/.test(stderr)) throw new Error(`the build ended with ${code}: ${stderr}`);
  return path.join(folder, 'worker.js');
}
