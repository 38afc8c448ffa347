import type { Readable } from 'node:stream';
import { readBrokerOptions } from '../../cli/broker-options.ts';
import { drained, endWith, exitOnBrokenPipe, onCrash } from '../../cli/process.ts';
import { redact } from '../../cli/redact.ts';
import { RpcClient } from '../../client/client.ts';
import { checkQueueName } from '../../protocol/option-checks.ts';
import { printable } from '../../protocol/text.ts';
import { exitCodeOf, exitCodes, type Failure, type Printed, printBody, printNumber } from './answers.ts';
import { Caller } from './caller.ts';
import { describeEvent } from './events.ts';
import { type ClientValues, readCommand } from './options.ts';
import { inOrder, numbersOf, readBodyRequest } from './requests.ts';

type Say = (line: string) => void;

/** Standard input, once it is read: to open it takes milliseconds. */
let stdin: Readable | undefined;
const openStdin = (): Readable => {
  stdin = process.stdin;
  return stdin;
};

async function main(): Promise<number> {
  const command = readCommand();
  if (command.kind === 'print') {
    process.stdout.write(command.text);
    return exitCodes.ok;
  }
  const { values, positionals } = command;
  const bodyRequest = await readBodyRequest(values, openStdin);
  exitOnBrokenPipe();
  process.stderr.on('error', () => {}); // who does not want to hear may still want the answers
  const note: Say = (line) => void process.stderr.write(`${printable(redact(line))}\n`);
  const say: Say = values.quiet || values.json ? () => {} : note;

  checkQueueName(values.queue);
  const client = connect(values, note);
  const caller = new Caller(client, { ...values, say });
  const stopWatching = caller.watchForConsumers();
  const format = { ...values, terminal: process.stdout.isTTY };
  let exitCode: number = exitCodes.ok;

  if (bodyRequest) {
    const { body, contentType } = bodyRequest;
    say(` [x] Requesting ${body.length} bytes of ${contentType}`);
    const outcome = await caller.call(body, contentType);
    await print(printBody(outcome, format), outcome.failure);
  } else {
    const ask = async (n: string) => {
      say(` [x] Requesting fib(${n})`);
      return printNumber(n, await caller.call(n), format);
    };
    await inOrder(numbersOf(positionals, openStdin), values.concurrency, ask, (told) => print(told, told.failure));
  }
  stopWatching();
  await client.close();
  return exitCode;

  /** Waits for the reader, so that answers don't pile up here. */
  async function print({ stdout, stderr }: Printed, failure: Failure | undefined): Promise<void> {
    process.stdout.write(stdout);
    process.stderr.write(stderr);
    if (failure && exitCode === exitCodes.ok) exitCode = exitCodeOf(failure);
    await drained(process.stdout);
    await drained(process.stderr);
  }
}

function connect(values: ClientValues, note: Say): RpcClient {
  const client = new RpcClient({
    ...readBrokerOptions(values),
    reply: values.reply,
    timeout: values.timeout,
    maxInFlight: values.concurrency,
    retry: values.retry,
    connectionName: 'fib-worker client',
  });
  if (values.verbose) client.on('*', (event) => note(` [-] ${describeEvent(event)}`));
  return client;
}

onCrash((error) => endWith('fib-client', error));
main().then(
  (exitCode) => {
    process.exitCode = exitCode;
    stdin?.destroy(); // or an open terminal would keep the process
  },
  (error: unknown) => endWith('fib-client', error),
);
