import { parseCommandLine } from '../../cli/command-line.ts';
import { UsageError } from '../../cli/option.ts';
import { endWith, exitOnceWritten } from '../../cli/process.ts';
import { checkFunctionModule, type FunctionModule } from '../../function/function-module.ts';
import { functionOptionValues, withFunctionOptions } from '../../function/function-options.ts';
import { checkWorkers } from './check.ts';
import { workerOptions } from './options.ts';
import { serve } from './serve.ts';
import { IN_THREAD, serveInThread, takeLine } from './threads.ts';

const program = {
  name: 'fib-worker',
  version: process.env.FIB_WORKER_VERSION ?? '',
  usage: 'node worker.js [options]',
  summary: 'SIGTERM or SIGINT drains and exits 0; a second one exits at once.',
  options: workerOptions,
} as const;

/** node:worker_threads takes milliseconds to load: it is only asked where this may be a thread. */
const isMainThread = (): boolean => process.getBuiltinModule('node:worker_threads').isMainThread;

const inThread = process.argv[2] === IN_THREAD && !isMainThread();
const argv = process.argv.slice(inThread ? 3 : 2);

async function main(): Promise<void> {
  // asked every few seconds, maybe: without the function, which may take long to load
  if (argv.includes('--check')) {
    const asked = parseCommandLine(program, argv);
    if (asked.kind === 'run') return check(asked.values.pid);
  }
  const line = inThread ? await takeLine() : undefined;
  const served = await loadFunction();
  if (!served) return;
  const command = parseCommandLine(programOf(served), argv);
  if (command.kind === 'print') return exitOnceWritten(process.stdout, command.text, 0);
  const { values } = command;
  const functionOptions = functionOptionValues(values);
  if (line) return serveInThread(line, served, functionOptions);
  if (values.pid !== undefined) throw new UsageError('--pid: it says which worker to ask with --check');
  await serve(served, { version: program.version, argv, values, functionOptions });
}

/** The function's module: build.mjs puts the one that --function names in the place of src/fibonacci.ts. */
async function loadFunction(): Promise<FunctionModule | undefined> {
  const exported = await import('../../fibonacci.ts').catch((cause: unknown) => {
    throw new Error("the function's module failed while it was loaded", { cause });
  });
  // a function of one's own may start threads of its own, with the file that it finds itself in: they are no workers
  if (process.env.FIB_WORKER_FUNCTION === 'own' && !inThread && !isMainThread()) return undefined;
  return checkFunctionModule(exported);
}

function programOf(served: FunctionModule): typeof program {
  return {
    ...program,
    summary:
      `Answers requests on a RabbitMQ queue by the function '${served.name}'. ${program.summary}` as typeof program.summary,
    options: withFunctionOptions(program.options, served.options),
  };
}

/** Asks the workers that run here. */
async function check(pid: number | undefined): Promise<void> {
  const fault = await checkWorkers(pid);
  if (fault === undefined) exitOnceWritten(process.stdout, 'ready\n', 0);
  else exitOnceWritten(process.stderr, `fib-worker: ${fault}\n`, 1);
}

main().catch((error: unknown) => {
  if (inThread) throw error; // so the main thread gets it
  endWith(program.name, error);
});
