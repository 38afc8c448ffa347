// The worker's side of the comparison, in a process of its own: compare.js starts it, once for each implementation. Not
// for users: it has no discovery and no defaults.

import { brokerOptions, readBrokerOptions } from '../../cli/broker-options.ts';
import { parseCommandLine } from '../../cli/command-line.ts';
import { UsageError } from '../../cli/option.ts';
import { onShutdown } from '../../cli/process.ts';
import { integer, oneOf, text } from '../../cli/value-parsers.ts';
import { answer } from '../../measure/bench/answer.ts';
import { type ImplementationName, implementations } from '../../measure/bench/index.ts';
import type { Server } from '../../measure/implementation.ts';
import { answerParent } from '../../measure/parent-questions.ts';
import { usage } from '../../measure/usage.ts';
import type { WorkerAnswers } from '../../measure/worker-process.ts';

const program = {
  name: 'fib-compare-worker',
  version: process.env.FIB_WORKER_VERSION ?? '',
  usage: 'node compare-worker.js --implementation NAME --queue NAME --prefetch N',
  summary: 'Started by compare.js: answers the requests of a comparison. SIGTERM drains and exits 0.',
  options: {
    ...brokerOptions('it does not start; of several the first'),
    implementation: {
      flag: 'implementation',
      type: 'string',
      placeholder: 'NAME',
      parse: oneOf(Object.keys(implementations) as ImplementationName[]),
      help: Object.keys(implementations).join(', '),
    },
    queue: { flag: 'queue', type: 'string', placeholder: 'NAME', parse: text, help: 'request queue, which exists' },
    prefetch: {
      flag: 'prefetch',
      type: 'string',
      placeholder: 'N',
      parse: integer({ min: 1, max: 65_535 }),
      help: 'requests in hand at most',
    },
  },
} as const;

/** Tells compare.js: one JSON line. */
function tell(event: string, figures: Readonly<Record<string, number>> = {}): void {
  process.stderr.write(`${JSON.stringify({ event, ...figures })}\n`);
}

/** Ends with one line that says why, and nothing else. */
function fail(error: unknown): void {
  process.stderr.write(`${program.name}: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof UsageError ? UsageError.exitCode : 1);
}

async function main(): Promise<void> {
  const commandLine = parseCommandLine(program);
  if (commandLine.kind === 'print') {
    process.stdout.write(commandLine.text);
    return;
  }
  const { implementation, queue, prefetch } = commandLine.values;
  const { urls: [url] = [], tls } = readBrokerOptions(commandLine.values);
  if (!url || !implementation || !queue || !prefetch) {
    throw new UsageError('it needs AMQP_URL, --implementation, --queue and --prefetch; --help says more');
  }
  let server: Server | undefined;
  const counts = { answered: 0, refused: 0 };
  onShutdown(async () => {
    await server?.close();
    tell('stopped', counts);
    process.exit(0);
  });
  server = await implementations[implementation].serve(
    { url, tls, queue },
    {
      prefetch,
      answer(request) {
        try {
          const reply = answer(request);
          counts.answered++;
          return reply;
        } catch (error) {
          counts.refused++;
          throw error;
        }
      },
      onEnd: fail,
    },
  );
  answerParent({ usage } satisfies WorkerAnswers);
  tell('consuming');
}

main().catch(fail);
