import { inspect } from 'node:util';
import { queueTypes } from '../../amqp/queues.ts';
import { parseAmqpUrlList } from '../../amqp/url.ts';
import { readBrokerOptions } from '../../cli/broker-options.ts';
import { createLog, defaultLogFormat, type LogFields } from '../../cli/log.ts';
import { limitLog } from '../../cli/log-limit.ts';
import { parseCommandLine } from '../../cli/options.ts';
import { onShutdown } from '../../cli/signals.ts';
import { UsageError } from '../../cli/usage-error.ts';
import { checkFunctionModule, type FunctionModule } from '../../function/function-module.ts';
import { functionOptionValues, withFunctionOptions } from '../../function/function-options.ts';
import { RpcError } from '../../protocol/errors.ts';
import { FunctionRunner } from '../../worker/function-runner.ts';
import { WorkerLessons } from '../../worker/lessons.ts';
import { workerDefaults } from '../../worker/options.ts';
import type { PoolSettings } from '../../worker/threads/call.ts';
import { heapLimit } from '../../worker/threads/heap-limit.ts';
import type { ThreadPool } from '../../worker/threads/thread-pool.ts';
import { threadedHandler } from '../../worker/threads/threaded-handler.ts';
import { type RequestHandler, RpcWorker, type WorkerEvent } from '../../worker/worker.ts';
import { answerChecks, checkWorkers } from './check.ts';
import { brokerCandidates, describeSearch } from './discover.ts';
import { watchForIdleness } from './idle.ts';
import { Readiness } from './readiness.ts';
import { readThreadOptions } from './thread-options.ts';
import { describeStats, logLimits, logRequest, logWorkerEvents } from './worker-log.ts';
import { workerOptions } from './worker-options.ts';

/** node:worker_threads takes milliseconds to load: it is only asked where this may be a thread. */
const isMainThread = (): boolean => process.getBuiltinModule('node:worker_threads').isMainThread;

/** The first argument of this file where it is the script of a thread of the pool. */
const IN_THREAD = '--in-thread';
const inThread = process.argv[2] === IN_THREAD && !isMainThread();
const argv = process.argv.slice(inThread ? 3 : 2);

const program = {
  name: 'fib-worker',
  version: process.env.FIB_WORKER_VERSION ?? '',
  usage: 'node worker.js [options]',
  summary: 'SIGTERM or SIGINT drains and exits 0; a second one exits at once.',
  options: workerOptions({ parseUrls: parseAmqpUrlList, queueTypes, maxDeliveries: workerDefaults.maxDeliveries }),
} as const;

/** When a worker that does not consume yet answers checks, in ms after it began to connect. */
const CHECKS_LATEST = 500;

async function main(): Promise<void> {
  // asked every few seconds, maybe: without the function, which may take long to load
  if (argv.includes('--check')) {
    const asked = parseCommandLine(program, argv);
    if (asked.kind === 'run') return check(asked.values.pid);
  }
  // build.mjs puts the module that --function names in its place
  const exported = await import('../../fibonacci.ts').catch((cause: unknown) => {
    throw new Error("the function's module failed while it was loaded", { cause });
  });
  // a function of one's own may start threads of its own, with the file that it finds itself in: they are no workers
  if (process.env.FIB_WORKER_FUNCTION === 'own' && !inThread && !isMainThread()) return;
  const served = checkFunctionModule(exported);
  const serving = {
    ...program,
    summary: `Answers requests on a RabbitMQ queue by the function '${served.name}'. ${program.summary}`,
    options: withFunctionOptions(program.options, served.options),
  };
  const commandLine = parseCommandLine(serving, argv);
  if (commandLine.kind === 'print') {
    process.stdout.write(commandLine.text, () => process.exit(0)); // whatever the function's module may have started
    return;
  }
  const { values } = commandLine;
  const functionOptions = functionOptionValues(values);
  if (inThread) return runInThread(served, functionOptions);
  if (values.pid !== undefined) throw new UsageError('--pid: it says which worker to ask with --check');
  const { threads, maxRun, prefetch } = readThreadOptions(values);
  const format = values.log ?? defaultLogFormat(process.stderr);
  const log = limitLog(createLog({ format }), logLimits);
  const requests = format === 'text' || values.logRequests;
  const given = readBrokerOptions(values, parseAmqpUrlList);
  const candidates = values.discover && !given.urls ? brokerCandidates() : [];
  const { maxRequestBytes, contentType } = served;
  const readiness = new Readiness();
  const logEvent = logWorkerEvents(log, { requests, format });
  const listeners: ((event: WorkerEvent) => void)[] = [logEvent, readiness.onEvent];
  const onEvent = (event: WorkerEvent) => {
    for (const listener of listeners) listener(event);
    if (event.type === 'spent')
      void stop({ reason: 'max-calls' }, `Took ${event.taken} request${event.taken === 1 ? '' : 's'}`);
  };
  const pool = threads > 0 ? await createPool(threads, { maxRun, onEvent: logEvent }) : undefined;
  const handler = pool ? threadedHandler(pool) : served.handler;
  const logged: RequestHandler = (request, context) => {
    logRequest(log, served.name, request);
    return handler(request, context);
  };
  const worker = new RpcWorker(requests ? logged : handler, {
    ...given,
    ...(candidates.length > 0 && { urls: candidates }),
    queue: values.queue,
    ...(values.queueType ? { queueType: values.queueType } : {}),
    durable: values.durable,
    prefetch,
    maxDeliveries: values.maxDeliveries,
    checkCaller: values.checkCaller,
    ...(values.maxCalls && { maxRequests: values.maxCalls }),
    ...(maxRequestBytes !== undefined && { maxRequestBytes }),
    ...(contentType !== undefined && { contentType }),
    functionOptions,
    allowReplyTo: values.allowReplyTo ?? [],
    onEvent,
  });
  let stopping = false;
  const stop = async (fields: LogFields, why: string) => {
    if (stopping) return;
    stopping = true;
    readiness.drain();
    log.info('draining', { ...fields, inFlight: worker.stats().inFlight }, ` [x] ${why}: draining`);
    const { unfinished } = await worker.close({ grace: values.grace });
    log.flush();
    const stats = worker.stats();
    const returned = unfinished > 0 ? `, ${unfinished} unfinished (back in the queue)` : '';
    log.info('stopped', { ...stats, unfinished }, ` [x] Stopped: ${describeStats(stats)}${returned}`);
    // a thread that native code holds would hold the exit, too
    if ((await pool?.close()) === false) process.kill(process.pid, 'SIGKILL');
    process.exit(0); // a handler that still runs would keep the process, and so would an HTTP client
  };
  onShutdown((signal) => stop({ signal }, signal));
  const { idleExit, httpPort, httpHost } = values;
  if (idleExit !== undefined) {
    const onIdle = () => void stop({ reason: 'idle' }, `No request for ${idleExit / 1_000} s`);
    listeners.push(watchForIdleness({ limit: idleExit, inFlight: () => worker.stats().inFlight, onIdle }));
  }
  if (httpPort !== undefined) {
    const { serveStatus } = await import('./status.ts'); // most workers do without, and start faster so
    const { version } = program;
    const stats = () => worker.stats();
    const http = await serveStatus({ port: httpPort, host: httpHost, version, readiness, stats }).catch(
      explainHttpError,
    );
    listeners.push(http.onEvent);
    log.info('http', { port: http.port, host: httpHost }, ` [x] /livez, /readyz and /metrics on port ${http.port}`);
  }
  await pool?.start();
  if (candidates.length > 1) {
    const { hosts, line } = describeSearch(candidates);
    log.info('looking', { hosts }, ` [x] ${line}`);
  }
  if (!stopping) worker.start();
  // a worker must not start more slowly so that it can be asked how it is
  const answer = once(() =>
    answerChecks(
      () => readiness.describe(),
      ({ message }) => log.info('check-unavailable', { detail: message }),
    ),
  );
  listeners.push(({ type }) => {
    if (type === 'consuming' || type === 'retrying') answer();
  });
  setTimeout(answer, CHECKS_LATEST).unref();
}

function once(run: () => void): () => void {
  let ran = false;
  return () => {
    if (!ran) run();
    ran = true;
  };
}

/** Most workers have no threads, and start faster without loading what makes them. */
async function createPool(threads: number, how: Pick<PoolSettings, 'maxRun' | 'onEvent'>): Promise<ThreadPool> {
  const { ThreadPool } = await import('../../worker/threads/thread-pool.ts');
  return new ThreadPool(threads, {
    ...how,
    script: { file: import.meta.filename, argv: [IN_THREAD, ...argv], heapMegabytes: heapLimit(threads) },
    toError: (code, message) => new RpcError(code, message),
  });
}

/** What a thread of the worker does, this same file being its script. */
async function runInThread(
  { handler, contentType = workerDefaults.contentType }: FunctionModule,
  functionOptions: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { serveThread } = await import('../../worker/threads/serve-thread.ts');
  const settings = { contentType, functionOptions, maxRequestBytes: Number.POSITIVE_INFINITY }; // checked before it came here
  serveThread((onEvent) => new FunctionRunner(handler, { ...settings, onEvent }, new WorkerLessons()));
}

/** Asks the workers that run here. */
async function check(pid: number | undefined): Promise<void> {
  const fault = await checkWorkers(pid);
  const exit = () => process.exit(fault === undefined ? 0 : 1); // whatever the function's module may have started
  if (fault === undefined) process.stdout.write('ready\n', exit);
  else process.stderr.write(`fib-worker: ${fault}\n`, exit);
}

function explainHttpError(error: NodeJS.ErrnoException & { readonly port?: number }): never {
  const { code, message } = error;
  if (code === 'EADDRINUSE')
    throw new UsageError(`--http-port: port ${error.port} is in use; take another, or 0 for a free one`);
  if (code === 'EACCES')
    throw new UsageError(`--http-port: port ${error.port} is not for this user; take one from 1024 on`);
  throw new UsageError(`--http-port, --http-host: ${message}`);
}

main().catch((error: unknown) => {
  if (inThread) throw error; // so the main thread gets it
  // a wrong option, whoever notices it, is one line
  const usage = error instanceof UsageError || error instanceof TypeError;
  const exit = () => process.exit(usage ? UsageError.exitCode : 1); // whatever the function's module may have started
  process.stderr.write(`fib-worker: ${usage ? error.message : inspect(error)}\n`, exit);
});
