import { spawn } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { UsageError } from '../../cli/option.ts';
import { Interrupted, onShutdown } from '../../cli/process.ts';
import { quote, shorten } from '../../cli/redact.ts';

/** How long a module may say nothing while it is loaded, in ms. */
const SILENCE = 30_000;

/** How long it may take at most, even if it goes on writing, in ms. */
const LIMIT = 300_000;

/** A word that every help has. */
const HELP = '--help';

/** How a worker that was asked for its help ended. */
interface Ended {
  /** Its exit code, or why it was ended. */
  readonly how: number | null | 'silent' | 'endless' | Interrupted;
  /** Whether it wrote its help. */
  readonly helped: boolean;
  /** The beginning of what it wrote on standard error. */
  readonly said: string;
}

/**
 * Starts a worker once, for its help: that loads its modules and checks them.
 * @param outfile beside this it is started, under a name of its own
 * @param limit how long that may take at most, in ms
 * @returns a doubt, if a module failed while it was loaded: it may need what is there only where it runs
 * @throws UsageError if a module is wrong, or never loaded; Interrupted if somebody asked to stop
 */
export async function tryOut(
  sources: readonly string[],
  outfile: string,
  code: string,
  limit = LIMIT,
): Promise<string | undefined> {
  const { dir, name, ext } = path.parse(outfile);
  const named = sources.map(quote).join(' or ');
  const file = path.join(dir, `${name}.${process.pid}.tmp${ext}`);
  try {
    await writeFile(file, code).catch((error: Error) => {
      throw new UsageError(`--outfile ${quote(outfile)} can't be written: ${error.message}`);
    });
    const { how, helped, said } = await askForHelp(file, limit);
    const told = said.split('\n').find((line) => /^(fib-worker: |\w*Error\b)/.test(line)); // above it, Node shows code
    const reason = told?.replace(/^fib-worker: (Error: )?/, '') ?? `${named} ended the process while it was loaded`;
    if (how === 0 && helped) return undefined;
    if (how === 2) throw new UsageError(reason);
    if (how instanceof Interrupted) throw how;
    if (how === 'silent')
      throw new UsageError(`${named} does not load: no sign of life for ${SILENCE / 1_000} s. Does it loop?`);
    if (how === 'endless')
      throw new UsageError(
        `${named} does not load within ${limit / 1_000} s, though it writes something. Does it loop?`,
      );
    return `${reason}; built all the same, for it may need what is there only where it runs`;
  } finally {
    await rm(file, { force: true });
  }
}

function askForHelp(file: string, limit: number): Promise<Ended> {
  const child = spawn(process.execPath, [file, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
  return new Promise((resolve, reject) => {
    let said = '';
    let helped = false;
    let tail = '';
    const end = (how: Ended['how']) => {
      clearTimeout(clock);
      clearTimeout(clockOfAll);
      stopListening();
      child.kill('SIGKILL');
      resolve({ how, helped, said });
    };
    const clock = setTimeout(() => end(child.exitCode ?? 'silent'), SILENCE);
    const clockOfAll = setTimeout(() => end(child.exitCode ?? 'endless'), limit);
    const stopListening = onShutdown((signal) => end(new Interrupted(signal)));
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      clock.refresh();
      tail = tail.slice(-HELP.length) + text; // a module may have said anything before
      helped ||= tail.includes(HELP);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      clock.refresh();
      said = shorten(said + text, 4_000);
    });
    child.on('error', reject).on('close', (exitCode) => end(exitCode));
  });
}
