import { parseCommandLine } from '../../cli/command-line.ts';
import { UsageError } from '../../cli/option.ts';
import { endWith, exitOnceWritten } from '../../cli/process.ts';
import { shorten } from '../../cli/redact.ts';
import { version } from '../../cli/version.ts';
import { checkFunctionModule, checkTogether, type FunctionModule } from '../../function/function-module.ts';
import { functionOptionValues, withFunctionOptions } from '../../function/function-options.ts';
import { describeThrown, printable } from '../../protocol/text.ts';
import { checkWorkers } from './check.ts';
import { workerOptions } from './options.ts';
import { serve } from './serve.ts';
import { IN_THREAD, serveInThread, takeLine } from './threads.ts';

/** How much is shown of what a module failed with while it was loaded, in characters. */
const MAX_REASON = 500;

/** A module of functions. */
export interface FunctionSource {
  /** Its file, for messages; undefined for this project's own. */
  readonly file?: string;
  /** The name of a function in it that has none. */
  readonly name?: string | undefined;
  /** Loads it. */
  readonly load: () => Promise<Readonly<Record<string, unknown>>>;
}

/** The functions that a worker serves, and the file that it is run by. */
export interface WorkerProgram {
  /** For `--help`. */
  readonly usage: string;
  /** The file that runs it: threads run it again. */
  readonly script: string;
  readonly modules: readonly FunctionSource[];
}

const program = {
  name: 'fib-worker',
  version,
  summary: 'SIGTERM or SIGINT drains and exits 0; a second one exits at once.',
  options: workerOptions,
} as const;

/** node:worker_threads takes milliseconds to load: it is only asked where this may be a thread. */
const isMainThread = (): boolean => process.getBuiltinModule('node:worker_threads').isMainThread;

/** Runs a worker, as this process's command line says. */
export function runWorker(given: WorkerProgram): void {
  const inThread = process.argv[2] === IN_THREAD && !isMainThread();
  main(given, process.argv.slice(inThread ? 3 : 2), inThread).catch((error: unknown) => {
    if (inThread) throw error; // so the main thread gets it
    endWith(program.name, error);
  });
}

async function main(given: WorkerProgram, argv: readonly string[], inThread: boolean): Promise<void> {
  const { usage, script, modules } = given;
  // asked every few seconds, maybe: without the function, which may take long to load
  if (argv.includes('--check')) {
    const asked = parseCommandLine({ ...program, usage }, argv);
    if (asked.kind === 'run') return check(asked.values.pid);
  }
  const line = inThread ? await takeLine() : undefined;
  const functions = await loadFunctions(modules);
  // a function of one's own may start threads of its own, with the file that it finds itself in: they are no workers
  if (modules.some(({ file }) => file) && !inThread && !isMainThread()) return;
  const summary = `${summaryOf(functions)} ${program.summary}`;
  const options = withFunctionOptions(program.options, functions);
  const command = parseCommandLine({ ...program, usage, summary, options }, argv);
  if (command.kind === 'print') return exitOnceWritten(process.stdout, command.text, 0);
  const { values } = command;
  const served = functions.map((one, index) => ({ ...one, functionOptions: functionOptionValues(values, index) }));
  if (line) return serveInThread(line, served);
  if (values.pid !== undefined) throw new UsageError('--pid: it says which worker to ask with --check');
  await serve(served, { version: program.version, script, argv, values });
}

async function loadFunctions(modules: readonly FunctionSource[]): Promise<readonly FunctionModule[]> {
  const functions: FunctionModule[] = [];
  for (const module of modules) functions.push(...(await loadModule(module)));
  return checkTogether(functions);
}

async function loadModule({ file, name, load }: FunctionSource): Promise<readonly FunctionModule[]> {
  const exported = await load().catch((cause: unknown) => {
    const why = printable(shorten(describeThrown(cause), MAX_REASON));
    throw new Error(`${file ?? 'the function'} failed while it was loaded: ${why}`, { cause });
  });
  try {
    return checkFunctionModule(exported, name);
  } catch (error) {
    if (file === undefined || !(error instanceof TypeError)) throw error;
    throw new TypeError(`${file}: ${error.message}`);
  }
}

function summaryOf(functions: readonly FunctionModule[]): string {
  const names = functions.map(({ name }) => `'${name}'`).join(', ');
  if (functions.length === 1) return `Answers requests on a RabbitMQ queue by the function ${names}.`;
  return `Answers requests on RabbitMQ queues by the functions ${names}.`;
}

/** Asks the workers that run here. */
async function check(pid: number | undefined): Promise<void> {
  const fault = await checkWorkers(pid);
  if (fault === undefined) exitOnceWritten(process.stdout, 'ready\n', 0);
  else exitOnceWritten(process.stderr, `fib-worker: ${fault}\n`, 1);
}
