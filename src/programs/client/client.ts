import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { parseAmqpUrlList } from '../../amqp/url.ts';
import { exitOnBrokenPipe } from '../../cli/broken-pipe.ts';
import { brokerOptions, readBrokerOptions } from '../../cli/broker-options.ts';
import { parseCommandLine } from '../../cli/options.ts';
import { printable, quote, redact } from '../../cli/printable.ts';
import { UsageError } from '../../cli/usage-error.ts';
import { integer, oneOf, positiveDuration, text } from '../../cli/value-parsers.ts';
import { RpcClient, type RpcReply } from '../../client/client.ts';
import { type ReplyStrategy, replyStrategies } from '../../client/designs/index.ts';
import { RpcError } from '../../protocol/errors.ts';
import { type Answer, exitCodeOf, exitCodes, type Failure, renderAnswer } from './answers.ts';
import { type BodyAnswer, renderBodyAnswer } from './body-answer.ts';
import { bodyOptions, readBodyRequest } from './body-options.ts';
import { describeEvent } from './client-log.ts';
import { inOrder, requestsOf } from './requests.ts';

/** The tutorial's default. */
const DEFAULT_REQUEST = '30';

/** How long a missing queue is asked for again, and how often, in ms: a worker may just be starting. */
const QUEUE_WAIT = 3_000;
const QUEUE_INTERVAL = 250;

/** How long to wait for a reply before looking whether anybody consumes the queue, in ms. */
const CONSUMER_CHECK = 1_000;

const program = {
  name: 'fib-client',
  version: process.env.FIB_WORKER_VERSION ?? '',
  usage: 'node client.js [options] [n …]',
  summary: `Asks for fib(n), n = ${DEFAULT_REQUEST} by default; several are asked at once and printed in order; - reads numbers from stdin, a line each. With --body or --body-file it calls any function.`,
  positionals: true,
  options: {
    ...brokerOptions(parseAmqpUrlList, 'localhost:5672'),
    queue: {
      flag: 'queue',
      type: 'string',
      placeholder: 'NAME',
      env: 'RPC_QUEUE',
      default: 'rpc_queue',
      parse: text,
      help: 'request queue',
    },
    reply: {
      flag: 'reply',
      type: 'string',
      placeholder: 'DESIGN',
      env: 'RPC_REPLY',
      default: 'direct',
      parse: oneOf(Object.keys(replyStrategies) as ReplyStrategy[]),
      help: `how replies come back: ${Object.keys(replyStrategies).join(', ')}`,
    },
    ...bodyOptions,
    timeout: {
      flag: 'timeout',
      short: 't',
      type: 'string',
      placeholder: 'TIME',
      env: 'RPC_TIMEOUT',
      default: '10s',
      parse: positiveDuration,
      help: 'time limit of a call, connecting included: 500ms, 10s, 2m',
    },
    concurrency: {
      flag: 'concurrency',
      short: 'c',
      type: 'string',
      placeholder: 'N',
      env: 'RPC_CONCURRENCY',
      default: '100',
      parse: integer({ min: 1, max: 100_000 }),
      help: 'calls in flight at most',
    },
    retry: {
      flag: 'retry',
      type: 'boolean',
      env: 'RPC_RETRY',
      default: true,
      help: 'do not ask again when the connection is lost',
    },
    json: {
      flag: 'json',
      type: 'boolean',
      help: 'print a JSON object a line: n and result, or contentType and body (bodyBase64 if it is no text), or error; ms',
    },
    quiet: { flag: 'quiet', short: 'q', type: 'boolean', help: 'print the bare number, and errors' },
    verbose: { flag: 'verbose', short: 'v', type: 'boolean', help: 'print what happens, and what caused an error' },
  },
  epilogue: `Exit codes: ${exitCodes.ok} answered, ${exitCodes.usage} wrong usage, ${exitCodes.refused} refused by the worker, ${exitCodes.timeout} nobody answered in time,
${exitCodes.noQueue} no such queue, ${exitCodes.noBroker} no broker (not reached, login refused, connection lost), ${exitCodes.unexpected} anything else.
Of several numbers, the first failure decides.`,
} as const;

/** Standard input, once it is read: to open it takes milliseconds. */
let stdin: Readable | undefined;
const openStdin = (): Readable => {
  stdin = process.stdin;
  return stdin;
};

async function main(): Promise<number> {
  const commandLine = parseCommandLine(program);
  if (commandLine.kind === 'print') {
    process.stdout.write(commandLine.text);
    return exitCodes.ok;
  }
  const { values, positionals } = commandLine;
  if (values.json && values.quiet) throw new UsageError('--json and --quiet: take one of them');
  const url = positionals.find((one) => /^\w*:\/\//.test(one));
  if (url !== undefined) throw new UsageError(`unexpected argument ${quote(url)}; a URL goes with --url or AMQP_URL`);
  if (positionals.filter((one) => one === '-').length > 1) throw new UsageError('-: stdin can be read once only');
  const bodyRequest = await readBodyRequest(values, positionals, openStdin);
  exitOnBrokenPipe();
  process.stderr.on('error', () => {}); // who does not want to hear may still want the answers
  const say = (line: string) => {
    if (!values.quiet && !values.json) process.stderr.write(`${redact(line)}\n`);
  };
  const client = new RpcClient({
    ...readBrokerOptions(values, parseAmqpUrlList),
    queue: values.queue,
    reply: values.reply,
    timeout: values.timeout,
    maxInFlight: values.concurrency,
    retry: values.retry,
    connectionName: 'fib-worker client',
    onEvent: (event) => {
      if (values.verbose) process.stderr.write(` [-] ${describeEvent(event)}\n`);
    },
  });
  const checkConsumers = setInterval(
    () => void sayIfNoConsumer(),
    Math.min(CONSUMER_CHECK, values.timeout / 2),
  ).unref();
  let checking = false;
  let exitCode: number = exitCodes.ok;
  /** When the queue was first found missing: all requests of this run wait for it together. */
  let missingSince: number | undefined;
  if (bodyRequest) {
    const { body, contentType } = bodyRequest;
    say(` [x] Requesting ${body.length} bytes of ${contentType}`);
    const answer = await timed(body, contentType);
    print(renderBodyAnswer(answer, { ...values, terminal: process.stdout.isTTY }), answer.failure);
  } else {
    const requests = requestsOf(positionals.length > 0 ? positionals : [DEFAULT_REQUEST], openStdin);
    await inOrder(requests, values.concurrency, ask, (answer) => print(renderAnswer(answer, values), answer.failure));
  }
  clearInterval(checkConsumers);
  await client.close();
  return exitCode;

  function print({ stdout, stderr }: { stdout: string | Buffer; stderr: string }, failure: Failure | undefined): void {
    process.stdout.write(stdout);
    process.stderr.write(stderr);
    if (failure && exitCode === exitCodes.ok) exitCode = exitCodeOf(failure);
  }

  async function ask(request: string): Promise<Answer> {
    say(` [x] Requesting fib(${printable(request)})`);
    const answer = await timed(request);
    return answer.failure ? { request, ...answer } : { request, ...answer, result: answer.reply.body.toString() };
  }

  async function timed(body: string | Buffer, contentType?: string): Promise<BodyAnswer> {
    const began = performance.now();
    try {
      const reply = await callOnceThereIsAQueue(body, contentType, began + values.timeout);
      return { milliseconds: performance.now() - began, reply };
    } catch (error) {
      return { milliseconds: performance.now() - began, failure: describeError(error) };
    }
  }

  async function callOnceThereIsAQueue(
    body: string | Buffer,
    contentType: string | undefined,
    deadline: number,
  ): Promise<RpcReply> {
    for (let timeout = values.timeout; ; timeout = Math.max(1, Math.round(deadline - performance.now()))) {
      try {
        const reply = await client.call(body, { timeout, ...(contentType && { contentType }) });
        missingSince = undefined;
        return reply;
      } catch (error) {
        if (!(error instanceof RpcError && error.reason === 'NO_QUEUE')) throw error;
        if (missingSince === undefined) {
          missingSince = performance.now();
          say(` [!] There is no queue '${values.queue}' yet; asking again for ${QUEUE_WAIT / 1000} s`);
        }
        const next = performance.now() + QUEUE_INTERVAL;
        if (next > Math.min(deadline, missingSince + QUEUE_WAIT)) throw error;
        await delay(QUEUE_INTERVAL);
      }
    }
  }

  async function sayIfNoConsumer(): Promise<void> {
    if (checking || client.stats().inFlight === 0) return;
    checking = true;
    const queue = await client.inspectQueue().catch((error: Error) => error);
    checking = false;
    if (queue instanceof RpcError && queue.reason === 'NO_QUEUE') {
      clearInterval(checkConsumers);
      say(` [!] ${queue.message}`);
    }
    if (!queue || queue instanceof Error || queue.consumerCount !== 0) return;
    clearInterval(checkConsumers);
    say(
      ` [!] No worker consumes '${values.queue}' (${queue.messageCount} waiting); waiting for one until the time limit`,
    );
  }
}

function describeError(error: unknown): Failure {
  const causes: string[] = [];
  for (let cause = error instanceof Error ? error.cause : undefined; cause instanceof Error; cause = cause.cause) {
    causes.push(redact('code' in cause ? `${cause.message} (${String(cause.code)})` : cause.message));
  }
  if (error instanceof RpcError) {
    const hint = error.reason === 'NO_BROKER' ? ' (--url or AMQP_URL)' : '';
    return { code: error.code, reason: error.reason, message: redact(error.message + hint), causes };
  }
  return {
    code: 'INTERNAL',
    reason: undefined,
    message: redact(error instanceof Error ? error.message : String(error)),
    causes,
  };
}

main().then(
  (exitCode) => {
    process.exitCode = exitCode;
    stdin?.destroy(); // or an open terminal would keep the process
  },
  (error: unknown) => {
    const usage = error instanceof UsageError || error instanceof TypeError;
    process.stderr.write(
      `fib-client: ${usage ? error.message : error instanceof Error ? error.stack : String(error)}\n`,
    );
    process.exitCode = usage ? exitCodes.usage : exitCodes.unexpected;
  },
);
