// The clients' side of `npm run bench`, in a process of its own: bench.js starts it, once for each implementation, and asks
// it for turns. Not for users.

import { brokerOptions, readBrokerOptions } from '../../cli/broker-options.ts';
import { parseCommandLine } from '../../cli/command-line.ts';
import { UsageError } from '../../cli/option.ts';
import { oneOf } from '../../cli/value-parsers.ts';
import { type ImplementationName, implementations } from '../../measure/bench/index.ts';
import { clientTurns } from '../../measure/bench/run/client-turns.ts';
import { designs } from '../../measure/implementation.ts';
import { answerParent } from '../../measure/parent-questions.ts';

const program = {
  name: 'fib-bench-client',
  version: process.env.FIB_WORKER_VERSION ?? '',
  usage: 'node bench-client.js --implementation NAME --design NAME',
  summary: 'Started by bench.js: calls, and says how it went.',
  options: {
    ...brokerOptions('it does not start; of several the first'),
    implementation: {
      flag: 'implementation',
      type: 'string',
      placeholder: 'NAME',
      parse: oneOf(Object.keys(implementations) as ImplementationName[]),
      help: Object.keys(implementations).join(', '),
    },
    design: { flag: 'design', type: 'string', placeholder: 'NAME', parse: oneOf(designs), help: designs.join(', ') },
  },
} as const;

function main(): void {
  const commandLine = parseCommandLine(program);
  if (commandLine.kind === 'print') {
    process.stdout.write(commandLine.text);
    return;
  }
  const { implementation, design } = commandLine.values;
  const { urls: [url] = [], tls } = readBrokerOptions(commandLine.values);
  if (!url || !implementation || !design || !process.connected) {
    throw new UsageError('it is started by bench.js, with AMQP_URL, --implementation and --design');
  }
  process.once('disconnect', () => process.exit(0));
  answerParent(clientTurns(implementations[implementation], design, { url, tls }));
}

try {
  main();
} catch (error) {
  process.stderr.write(`${program.name}: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof UsageError ? UsageError.exitCode : 1;
}
