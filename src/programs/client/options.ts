import path from 'node:path';
import { brokerOptions } from '../../cli/broker-options.ts';
import { type CommandLine, parseCommandLine } from '../../cli/command-line.ts';
import { flag, type OptionValues, option, UsageError } from '../../cli/option.ts';
import { quote } from '../../cli/redact.ts';
import { integer, oneOf, positiveDuration, text } from '../../cli/value-parsers.ts';
import { version } from '../../cli/version.ts';
import { type ReplyDesign, replyDesigns } from '../../client/designs/index.ts';
import { checkContentType } from '../../protocol/option-checks.ts';
import { exitCodes } from './answers.ts';
import { DEFAULT_REQUEST } from './requests.ts';

const designs = Object.keys(replyDesigns) as ReplyDesign[];

const options = {
  ...brokerOptions('localhost:5672'),
  queue: option('queue NAME', text, { env: 'RPC_QUEUE', default: 'rpc_queue', help: 'request queue' }),
  reply: option('reply DESIGN', oneOf(designs), {
    env: 'RPC_REPLY',
    default: 'direct',
    help: `how replies come back: ${designs.join(', ')}`,
  }),
  body: option('body TEXT', (value) => value, {
    help: 'send this, to any function that the worker serves, and print the reply as it is',
  }),
  bodyFile: option('body-file FILE', text, { help: 'the same with the content of a file; - for stdin' }),
  contentType: option('content-type TYPE', contentType, { help: 'what the body is; text/plain without it' }),
  timeout: option('timeout TIME', positiveDuration, {
    short: 't',
    env: 'RPC_TIMEOUT',
    default: '10s',
    help: 'time limit of a call, connecting included: 500ms, 10s, 2m',
  }),
  concurrency: option('concurrency N', integer({ min: 1, max: 100_000 }), {
    short: 'c',
    env: 'RPC_CONCURRENCY',
    default: '100',
    help: 'calls in flight at most',
  }),
  retry: flag('retry', { env: 'RPC_RETRY', default: true, help: 'do not ask again when the connection is lost' }),
  json: flag('json', {
    help: 'print a JSON object a line: n and result, or contentType and body (bodyBase64 if it is no text), or error; ms',
  }),
  quiet: flag('quiet', { short: 'q', help: 'print the bare number, and errors' }),
  verbose: flag('verbose', { short: 'v', help: 'print what happens, and what caused an error' }),
};

/** The values of the client's options. */
export type ClientValues = OptionValues<typeof options>;

/** The client's command line, parsed. */
export type ClientCommand = CommandLine<typeof options>;

/**
 * Reads the command line and the environment.
 * @throws UsageError
 */
export function readCommand(): ClientCommand {
  const command = parseCommandLine({
    name: 'fib-client',
    version,
    usage: `${isOneFile() ? 'node client.js' : 'fib-client'} [options] [n …]`,
    summary: `Asks for fib(n), n = ${DEFAULT_REQUEST} by default; several are asked at once and printed in order; - reads numbers from stdin, a line each. With --body or --body-file it calls any function.`,
    positionals: true,
    options,
    epilogue: `Exit codes: ${exitCodes.ok} answered, ${exitCodes.usage} wrong usage, ${exitCodes.refused} refused by the worker, ${exitCodes.timeout} nobody answered in time,
${exitCodes.noQueue} no such queue, ${exitCodes.noBroker} no broker (not reached, login refused, connection lost), ${exitCodes.unexpected} anything else.
Of several numbers, the first failure decides.`,
  });
  if (command.kind === 'run') check(command.values, command.positionals);
  return command;
}

/** Whether this is `dist/client.js`, which comes without the command that the package has. */
function isOneFile(): boolean {
  return path.basename(process.argv[1] ?? '') === 'client.js';
}

function check({ body, bodyFile, contentType, json, quiet }: ClientValues, positionals: readonly string[]): void {
  if (json && quiet) throw new UsageError('--json and --quiet: take one of them');
  const url = positionals.find((one) => /^\w*:\/\/|^amqps?:|:.*@/is.test(one));
  if (url !== undefined) throw new UsageError(`unexpected argument ${quote(url)}; a URL goes with --url or AMQP_URL`);
  if (positionals.filter((one) => one === '-').length > 1) throw new UsageError('-: stdin can be read once only');
  const whole = body === undefined ? '--body-file' : '--body';
  if (body === undefined && bodyFile === undefined) {
    if (contentType !== undefined) throw new UsageError('--content-type needs --body or --body-file');
  } else if (body !== undefined && bodyFile !== undefined) {
    throw new UsageError('--body and --body-file: take one of them');
  } else if (positionals.length > 0) throw new UsageError(`${whole} is the whole request: take it, or n`);
}

function contentType(value: string): string {
  try {
    return checkContentType('', value);
  } catch {
    throw new Error('a content type such as application/json');
  }
}
