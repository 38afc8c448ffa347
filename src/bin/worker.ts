import { inspect } from 'node:util';
import { brokerOptions, readBrokerOptions } from '../cli/broker-options.ts';
import { brokerCandidates, describeSearch } from '../cli/discover.ts';
import { lifeOptions } from '../cli/life-options.ts';
import { createLog, defaultLogFormat, type LogFields } from '../cli/log.ts';
import { limitLog } from '../cli/log-limit.ts';
import { parseCommandLine } from '../cli/options.ts';
import { onShutdown } from '../cli/signals.ts';
import { UsageError } from '../cli/usage-error.ts';
import { integer, list, oneOf, positiveDuration, text } from '../cli/value-parsers.ts';
import { describeStats, logLimits, logRequest, logWorkerEvents } from '../cli/worker-log.ts';
import { checkFunctionModule } from '../function/function-module.ts';
import { functionOptionValues, withFunctionOptions } from '../function/function-options.ts';
import { answerChecks, checkWorkers } from '../ops/check.ts';
import { watchForIdleness } from '../ops/idle.ts';
import { Readiness } from '../ops/readiness.ts';
import { parseAmqpUrlList } from '../rpc/amqp-url.ts';
import { queueTypes } from '../rpc/request-queue.ts';
import { type RequestHandler, RpcWorker, type WorkerEvent } from '../rpc/worker.ts';

const program = {
  name: 'fib-worker',
  version: process.env.FIB_WORKER_VERSION ?? '',
  usage: 'node worker.js [options]',
  summary: 'SIGTERM or SIGINT drains and exits 0; a second one exits at once.',
  options: {
    ...brokerOptions(parseAmqpUrlList, 'localhost:5672, and inside a container also the host'),
    discover: {
      flag: 'discover',
      type: 'boolean',
      env: 'DISCOVER',
      default: true,
      help: 'without a URL, do not look for a broker outside the container',
    },
    queue: {
      flag: 'queue',
      type: 'string',
      placeholder: 'NAME',
      env: 'RPC_QUEUE',
      default: 'rpc_queue',
      parse: text,
      help: 'request queue; taken as it is, declared if it is missing',
    },
    queueType: {
      flag: 'queue-type',
      type: 'string',
      placeholder: 'TYPE',
      env: 'QUEUE_TYPE',
      parse: oneOf(queueTypes),
      help: `${queueTypes.join(' or ')}, if the queue has to be declared; without it the virtual host decides`,
    },
    durable: {
      flag: 'durable',
      type: 'boolean',
      env: 'DURABLE',
      default: true,
      help: 'declare the queue non-durable, as older tutorials do (RabbitMQ 4.3 refuses that)',
    },
    prefetch: {
      flag: 'prefetch',
      type: 'string',
      placeholder: 'N',
      env: 'PREFETCH',
      default: '1',
      parse: integer({ min: 1, max: 65_535 }),
      help: 'requests in hand at most; 1 is fair dispatch',
    },
    allowReplyTo: {
      flag: 'allow-reply-to',
      type: 'string',
      placeholder: 'PATTERN',
      env: 'ALLOW_REPLY_TO',
      multiple: true,
      parse: list(text),
      help: 'reply queues to write to besides Direct Reply-To and amq.gen-*; * stands for any characters',
    },
    grace: {
      flag: 'grace',
      type: 'string',
      placeholder: 'TIME',
      env: 'GRACE',
      default: '8s',
      parse: positiveDuration,
      help: 'how long draining may take; what is unfinished then goes back to the queue',
    },
    log: {
      flag: 'log',
      type: 'string',
      placeholder: 'FORMAT',
      env: 'LOG',
      parse: oneOf(['text', 'json']),
      help: 'text or json; without it text on a terminal, json elsewhere',
    },
    logRequests: {
      flag: 'log-requests',
      type: 'boolean',
      env: 'LOG_REQUESTS',
      help: 'log each request also in json, up to 100 a second',
    },
    ...lifeOptions,
  },
} as const;

async function main(): Promise<void> {
  // build.mjs puts the function's module here: src/fibonacci.ts, or what --function names
  const exported = await import('fib-worker/function').catch((cause: unknown) => {
    throw new Error("the function's module failed while it was loaded", { cause });
  });
  const served = checkFunctionModule(exported);
  const commandLine = parseCommandLine({
    ...program,
    summary: `Answers requests on a RabbitMQ queue by the function '${served.name}'. ${program.summary}`,
    options: withFunctionOptions(program.options, served.options),
  });
  if (commandLine.kind === 'print') {
    process.stdout.write(commandLine.text, () => process.exit(0)); // whatever the function's module may have started
    return;
  }
  const { values } = commandLine;
  if (values.check) return check(values.pid);
  if (values.pid !== undefined) throw new UsageError('--pid: it says which worker to ask with --check');
  const format = values.log ?? defaultLogFormat(process.stderr);
  const log = limitLog(createLog({ format }), logLimits);
  const requests = format === 'text' || values.logRequests;
  const given = readBrokerOptions(values, parseAmqpUrlList);
  const candidates = values.discover && !given.urls ? brokerCandidates() : [];
  const readiness = new Readiness();
  const listeners: ((event: WorkerEvent) => void)[] = [logWorkerEvents(log, { requests, format }), readiness.onEvent];
  const { handler, maxRequestBytes, contentType } = served;
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
    prefetch: values.prefetch,
    ...(values.maxCalls && { maxRequests: values.maxCalls }),
    ...(maxRequestBytes !== undefined && { maxRequestBytes }),
    ...(contentType !== undefined && { contentType }),
    functionOptions: functionOptionValues(values),
    allowReplyTo: values.allowReplyTo ?? [],
    onEvent(event) {
      for (const listener of listeners) listener(event);
      if (event.type === 'spent') void stop({ reason: 'max-calls' }, `Took ${event.taken} requests`);
    },
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
    process.exit(0); // a handler that still runs would keep the process, and so would an HTTP client
  };
  onShutdown((signal) => stop({ signal }, signal));
  const { idleExit, httpPort, httpHost } = values;
  if (idleExit !== undefined) {
    const onIdle = () => void stop({ reason: 'idle' }, `No request for ${idleExit / 1_000} s`);
    listeners.push(watchForIdleness({ limit: idleExit, inFlight: () => worker.stats().inFlight, onIdle }));
  }
  answerChecks(
    () => readiness.describe(),
    ({ message }) => log.info('check-unavailable', { detail: message }),
  );
  if (httpPort !== undefined) {
    const { serveStatus } = await import('../ops/status.ts'); // most workers do without, and start faster so
    const { version } = program;
    const stats = () => worker.stats();
    const http = await serveStatus({ port: httpPort, host: httpHost, version, readiness, stats }).catch(
      explainHttpError,
    );
    listeners.push(http.onEvent);
    log.info('http', { port: http.port, host: httpHost }, ` [x] /livez, /readyz and /metrics on port ${http.port}`);
  }
  if (candidates.length > 1) {
    const { hosts, line } = describeSearch(candidates);
    log.info('looking', { hosts }, ` [x] ${line}`);
  }
  if (!stopping) worker.start();
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
  // a wrong option, whoever notices it, is one line
  const usage = error instanceof UsageError || error instanceof TypeError;
  const exit = () => process.exit(usage ? UsageError.exitCode : 1); // whatever the function's module may have started
  process.stderr.write(`fib-worker: ${usage ? error.message : inspect(error)}\n`, exit);
});
