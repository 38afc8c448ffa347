import { inspect } from 'node:util';
import { isMainThread } from 'node:worker_threads';
import { brokerOptions, readBrokerOptions } from '../cli/broker-options.ts';
import { brokerCandidates } from '../cli/discover.ts';
import { createLog, defaultLogFormat } from '../cli/log.ts';
import { limitLog } from '../cli/log-limit.ts';
import { parseCommandLine } from '../cli/options.ts';
import { onShutdown } from '../cli/signals.ts';
import { readThreadOptions, threadOptions } from '../cli/thread-options.ts';
import { UsageError } from '../cli/usage-error.ts';
import { integer, list, oneOf, positiveDuration, text } from '../cli/value-parsers.ts';
import { describeStats, logLimits, logRequest, logWorkerEvents } from '../cli/worker-log.ts';
import { checkFunctionModule, type FunctionModule } from '../function/function-module.ts';
import { functionOptionValues, withFunctionOptions } from '../function/function-options.ts';
import { parseAmqpUrlList } from '../rpc/amqp-url.ts';
import { RpcError } from '../rpc/errors.ts';
import { FunctionRunner } from '../rpc/function-runner.ts';
import { queueTypes } from '../rpc/request-queue.ts';
import { type RequestHandler, RpcWorker } from '../rpc/worker.ts';
import { WorkerLessons } from '../rpc/worker-lessons.ts';
import { workerDefaults } from '../rpc/worker-options.ts';
import { heapLimit } from '../threads/heap-limit.ts';
import { serveThread } from '../threads/serve-thread.ts';
import { ThreadPool } from '../threads/thread-pool.ts';
import { threadedHandler } from '../threads/threaded-handler.ts';

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
    ...threadOptions,
    maxDeliveries: {
      flag: 'max-deliveries',
      type: 'string',
      placeholder: 'N',
      env: 'MAX_DELIVERIES',
      default: String(workerDefaults.maxDeliveries),
      parse: integer({ min: 1 }),
      help: 'how often a request that ends its workers is tried, on quorum queues; 1, on others too, tries none again',
    },
    checkCaller: {
      flag: 'check-caller',
      type: 'boolean',
      env: 'CHECK_CALLER',
      help: 'ask the broker before each request if its caller is still there: a round trip for each',
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
  const functionOptions = functionOptionValues(values);
  if (!isMainThread) return runInThread(served, functionOptions);
  const { threads, maxRun, prefetch } = readThreadOptions(values);
  const format = values.log ?? defaultLogFormat(process.stderr);
  const log = limitLog(createLog({ format }), logLimits);
  const requests = format === 'text' || values.logRequests;
  const given = readBrokerOptions(values, parseAmqpUrlList);
  const { maxRequestBytes, contentType } = served;
  const onEvent = logWorkerEvents(log, { requests, format });
  const pool =
    threads > 0
      ? new ThreadPool(threads, {
          script: { file: import.meta.filename, argv: process.argv.slice(2), heapMegabytes: heapLimit(threads) },
          maxRun,
          toError: (code, message) => new RpcError(code, message),
          onEvent,
        })
      : undefined;
  const handler = pool ? threadedHandler(pool) : served.handler;
  const logged: RequestHandler = (request, context) => {
    logRequest(log, served.name, request);
    return handler(request, context);
  };
  const worker = new RpcWorker(requests ? logged : handler, {
    ...given,
    ...(values.discover && !given.urls && { urls: brokerCandidates() }),
    queue: values.queue,
    ...(values.queueType ? { queueType: values.queueType } : {}),
    durable: values.durable,
    prefetch,
    maxDeliveries: values.maxDeliveries,
    checkCaller: values.checkCaller,
    ...(maxRequestBytes !== undefined && { maxRequestBytes }),
    ...(contentType !== undefined && { contentType }),
    functionOptions,
    allowReplyTo: values.allowReplyTo ?? [],
    onEvent,
  });
  onShutdown(async (signal) => {
    log.info('draining', { signal, inFlight: worker.stats().inFlight }, ` [x] ${signal}: draining`);
    const { unfinished } = await worker.close({ grace: values.grace });
    log.flush();
    const stats = worker.stats();
    const returned = unfinished > 0 ? `, ${unfinished} unfinished (back in the queue)` : '';
    log.info('stopped', { ...stats, unfinished }, ` [x] Stopped: ${describeStats(stats)}${returned}`);
    // a thread that native code holds would hold the exit, too
    if ((await pool?.close()) === false) process.kill(process.pid, 'SIGKILL');
    process.exit(0); // a handler that still runs would keep the process
  });
  await pool?.start();
  worker.start();
}

/** What a thread of the worker does, this same file being its script. */
function runInThread(
  { handler, contentType = workerDefaults.contentType }: FunctionModule,
  functionOptions: Readonly<Record<string, unknown>>,
): void {
  const settings = { contentType, functionOptions, maxRequestBytes: Number.POSITIVE_INFINITY }; // checked before it came here
  serveThread((onEvent) => new FunctionRunner(handler, { ...settings, onEvent }, new WorkerLessons()));
}

main().catch((error: unknown) => {
  if (!isMainThread) throw error; // so the main thread gets it
  // a wrong option, whoever notices it, is one line
  const usage = error instanceof UsageError || error instanceof TypeError;
  const exit = () => process.exit(usage ? UsageError.exitCode : 1); // whatever the function's module may have started
  process.stderr.write(`fib-worker: ${usage ? error.message : inspect(error)}\n`, exit);
});
