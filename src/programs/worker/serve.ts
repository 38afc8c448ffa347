import { hostname } from 'node:os';
import { readBrokerOptions } from '../../cli/broker-options.ts';
import { createLog, defaultLogFormat, type LogFields } from '../../cli/log.ts';
import { type LimitedLog, limitLog } from '../../cli/log-limit.ts';
import { UsageError } from '../../cli/option.ts';
import { exitOnceWritten, onCrash, onShutdown } from '../../cli/process.ts';
import type { FunctionModule } from '../../function/function-module.ts';
import { workerDefaults } from '../../worker/options.ts';
import type { ThreadPool } from '../../worker/threads/thread-pool.ts';
import { type RequestHandler, RpcWorker, type ServeOptions, type WorkerEvent } from '../../worker/worker.ts';
import { answerChecks } from './check.ts';
import { brokerCandidates, describeSearch } from './discover.ts';
import { watchForIdleness } from './idle.ts';
import { describeStats, logLimits, logRequest, logWorkerEvents, stackInWords } from './log.ts';
import { readThreadOptions, type WorkerValues } from './options.ts';
import { Readiness } from './readiness.ts';
import type { RunningSdk } from './telemetry.ts';
import { createPool } from './threads.ts';

/** When a worker that does not consume yet answers checks, in ms after it began to connect. */
const CHECKS_LATEST = 500;

/** A retry that waits this long, in ms, is one of many: time to say again where a broker is looked for. */
const SLOW_RETRY = 5_000;

/** The API of OpenTelemetry keeps here what an SDK registers with it, for all copies of itself that a process has. */
const OPEN_TELEMETRY = Symbol.for('opentelemetry.js.api.1');

/** The command line, parsed. */
interface ServeSettings {
  readonly version: string;
  /** The file that this worker runs: threads run it again. */
  readonly script: string;
  /** As it was typed: threads read it again. */
  readonly argv: readonly string[];
  readonly values: WorkerValues;
}

/** A function, and the values of its options. */
interface ProgramFunction extends FunctionModule {
  readonly functionOptions: Readonly<Record<string, unknown>>;
}

/** Takes the worker's events from now on. */
type Listen = (listener: (event: WorkerEvent) => void) => void;

/**
 * Serves the functions, each on its queue, until a signal, idleness or the number of calls ends it, and then exits.
 * @throws UsageError, TypeError before it serves
 */
export async function serve(functions: readonly ProgramFunction[], settings: ServeSettings): Promise<void> {
  const { values, script, argv, version } = settings;
  const how = readThreadOptions(values);
  const format = values.log ?? defaultLogFormat(process.stderr);
  const program = { service: values.service ?? 'fib-worker', version, instance: `${hostname()}:${process.pid}` };
  const log = limitLog(createLog({ format, level: values.logLevel, program }), logLimits);
  const requests = format === 'text' || values.logRequests;
  const logEvent = logWorkerEvents(log, { requests, format });
  onCrash((error) => {
    log.flush();
    log.error('crashed', { error }, ` [!] Crashed: ${stackInWords(error)}`, 'Crashed');
    exitOnceWritten(process.stderr, '', 1);
  });

  const pool = how.threads > 0 ? await createPool(how.threads, { ...how, script, argv, onEvent: logEvent }) : undefined;
  const { broker, found } = findBroker(values);
  const sdk = await findSdk(log);
  const worker = new RpcWorker({ ...broker, telemetry: sdk?.telemetry }).on('*', logEvent);
  const listen: Listen = (listener) => void worker.on('*', listener);
  const toldOfEach = requests && values.logLevel === 'info';
  for (const [index, served] of functions.entries()) {
    const { maxRequestBytes = workerDefaults.maxRequestBytes } = served;
    const handler = pool?.handlerOf(index, maxRequestBytes) ?? served.handler;
    worker.serve(queueOf(served, functions, values), toldOfEach ? loggedHandler(log, served.name, handler) : handler, {
      ...serveOptions(served, values),
      ...(!pool && { maxRun: how.maxRun }),
    });
  }

  const readiness = new Readiness(functions.length);
  listen(readiness.onEvent);
  const ending = new Ending({ worker, pool, readiness, log, grace: values.grace, sdk });
  endWhenTold(ending, values, listen, () => worker.stats().inFlight);
  await serveHttp({ values, version, readiness, log, listen, worker });
  await pool?.start();
  if (found.length > 1) saySearch(found, log, worker);
  answerChecksSoon(readiness, log, listen);
  if (ending.began) return;
  await worker.start().catch((error: unknown) => {
    if (!ending.began) throw error; // else it was told to end before it consumed
  });
}

/** Finds the broker: where the options say, or where it may be when they don't. */
function findBroker(values: WorkerValues) {
  const broker = readBrokerOptions(values);
  const found = values.discover && !broker.urls ? brokerCandidates() : [];
  return { broker: found.length > 0 ? { ...broker, urls: found } : broker, found };
}

/** Finds OpenTelemetry's SDK, if this process was started with one (`node --import`), or the function has started it. */
async function findSdk(log: LimitedLog): Promise<RunningSdk | undefined> {
  if (!(OPEN_TELEMETRY in globalThis)) return undefined;
  try {
    const { useSdk } = await import('./telemetry.ts');
    return useSdk();
  } catch (error) {
    const help = '@opentelemetry/api is not found from here: npm install it beside the worker';
    log.warn('no-telemetry', { error }, ` [!] No traces: ${help}`);
    return undefined;
  }
}

/** Says where a RabbitMQ is looked for, now and with each slow retry: the end of the log has it, too. */
function saySearch(urls: readonly string[], log: LimitedLog, worker: RpcWorker): void {
  const { hosts, line, message } = describeSearch(urls);
  const say = () => log.info('looking', { hosts }, ` [x] ${line}`, message);
  say();
  worker.on('retrying', ({ delay }) => {
    if (delay >= SLOW_RETRY) say();
  });
}

/** The queue of a function: the command line's, which can name that of a single function only, or its own. */
function queueOf({ queue }: FunctionModule, functions: readonly FunctionModule[], values: WorkerValues): string {
  if (values.queue !== undefined && functions.length > 1) {
    const own = functions.map((one) => one.queue).join(', ');
    throw new UsageError(`--queue: each function of this worker has a queue of its own (${own}); leave it out`);
  }
  return values.queue ?? queue ?? workerDefaults.queue;
}

function serveOptions(served: ProgramFunction, values: WorkerValues): ServeOptions {
  const { prefetch, maxRequestBytes, contentType, functionOptions } = served;
  return {
    prefetch: values.prefetch ?? prefetch ?? Math.max(values.threads, 1),
    maxRequestBytes,
    contentType,
    functionOptions,
    declare: { ...(values.queueType && { type: values.queueType }), durable: values.durable },
    maxDeliveries: values.maxDeliveries,
    startedAfter: values.startedAfter,
    checkCaller: values.checkCaller,
    maxRequests: values.maxCalls,
    allowReplyTo: values.allowReplyTo ?? [],
  };
}

function loggedHandler(log: LimitedLog, name: string, handler: RequestHandler): RequestHandler {
  return (request, context) => {
    logRequest(log, name, request, context);
    return handler(request, context);
  };
}

interface EndingParts {
  readonly worker: RpcWorker;
  readonly pool: ThreadPool | undefined;
  readonly readiness: Readiness;
  readonly log: LimitedLog;
  readonly grace: number;
  readonly sdk: RunningSdk | undefined;
}

/** The end of the worker: it drains, says what it did, and exits 0. */
class Ending {
  readonly #parts: EndingParts;
  /** Whether it began. */
  began = false;

  constructor(parts: EndingParts) {
    this.#parts = parts;
  }

  async begin(fields: LogFields, why: string): Promise<void> {
    if (this.began) return;
    this.began = true;
    const { worker, pool, readiness, log, grace, sdk } = this.#parts;
    readiness.drain();
    log.info('draining', { ...fields, inFlight: worker.stats().inFlight }, ` [x] ${why}: draining`, 'Draining');
    const { unfinished } = await worker.close({ grace });
    log.flush();
    const stats = worker.stats();
    const returned = unfinished > 0 ? `, ${unfinished} unfinished (back in the queue)` : '';
    log.info('stopped', { ...stats, unfinished }, ` [x] Stopped: ${describeStats(stats)}${returned}`, 'Stopped');
    await sdk?.flush();
    // a thread that native code holds would hold the exit, too
    if ((await pool?.close()) === false) process.kill(process.pid, 'SIGKILL');
    process.exit(0); // a handler that still runs would keep the process, and so would an HTTP client
  }
}

function endWhenTold(ending: Ending, { idleExit }: WorkerValues, listen: Listen, inFlight: () => number): void {
  onShutdown((signal) => ending.begin({ signal }, signal));
  listen((event) => {
    if (event.type !== 'max-requests') return;
    void ending.begin(
      { reason: 'max-calls' },
      `Had ${event.requests} request${event.requests === 1 ? '' : 's'}, the maximum`,
    );
  });
  if (idleExit === undefined) return;
  const onIdle = () => void ending.begin({ reason: 'idle' }, `No request for ${idleExit / 1_000} s`);
  listen(watchForIdleness({ limit: idleExit, inFlight, onIdle }));
}

/** Serves probes and metrics, if a port is given for them. */
async function serveHttp(parts: {
  readonly values: WorkerValues;
  readonly version: string;
  readonly readiness: Readiness;
  readonly log: LimitedLog;
  readonly listen: Listen;
  readonly worker: RpcWorker;
}): Promise<void> {
  const { version, readiness, log, listen, worker } = parts;
  const { httpPort: port, httpHost: host } = parts.values;
  if (port === undefined) return;
  const { serveStatus } = await import('./status.ts'); // most workers do without, and start faster so
  const stats = () => worker.stats();
  const http = await serveStatus({ port, host, version, readiness, stats }).catch(explainHttpError);
  listen(http.onEvent);
  log.info(
    'http',
    { port: http.port, host },
    ` [x] /livez, /readyz and /metrics on port ${http.port}`,
    'Probes and metrics',
  );
}

function explainHttpError(error: NodeJS.ErrnoException & { readonly port?: number }): never {
  const { code, message } = error;
  if (code === 'EADDRINUSE')
    throw new UsageError(`--http-port: port ${error.port} is in use; take another, or 0 for a free one`);
  if (code === 'EACCES')
    throw new UsageError(`--http-port: port ${error.port} is not for this user; take one from 1024 on`);
  throw new UsageError(`--http-port, --http-host: ${message}`);
}

/** Answers `--check` once the worker consumes, or soon: it must not start more slowly so that it can be asked how it is. */
function answerChecksSoon(readiness: Readiness, log: LimitedLog, listen: Listen): void {
  let answering = false;
  const answer = (): void => {
    if (answering) return;
    answering = true;
    answerChecks(
      () => readiness.describe(),
      ({ message }) => log.info('check-unavailable', {}, undefined, message),
    );
  };
  listen(({ type }) => {
    if (type === 'consuming' || type === 'retrying') answer();
  });
  setTimeout(answer, CHECKS_LATEST).unref();
}
