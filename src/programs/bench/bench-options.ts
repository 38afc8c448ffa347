import { brokerOptions } from '../../cli/broker-options.ts';
import { integer, list, oneOf, positiveDuration, text } from '../../cli/value-parsers.ts';

/** The options of the benchmark. What can be chosen from is told by whoever knows it. */
export function benchOptions<Version extends string>(choices: {
  readonly sections: readonly string[];
  readonly versions: readonly Version[];
}) {
  const { sections, versions } = choices;
  return {
    url: { ...brokerOptions('').url, help: 'amqp:// or amqps:// URL of the broker; of several the first' },
    rabbitmq: {
      flag: 'rabbitmq',
      type: 'string',
      placeholder: 'VERSION',
      parse: oneOf(versions),
      help: `start a node of our own of this version, out of Debian's packages: ${versions.join(', ')}`,
    },
    only: {
      flag: 'only',
      type: 'string',
      placeholder: 'SECTION',
      multiple: true,
      parse: list(oneOf(sections)),
      help: `measure this alone, or several: ${sections.join(', ')}`,
    },
    rounds: {
      flag: 'rounds',
      type: 'string',
      placeholder: 'N',
      default: '7',
      parse: integer({ min: 1, max: 1_000 }),
      help: 'rounds; an interval needs 6',
    },
    turn: {
      flag: 'turn',
      type: 'string',
      placeholder: 'TIME',
      default: '250ms',
      parse: positiveDuration,
      help: 'how long each is measured at a time',
    },
    calls: {
      flag: 'calls',
      type: 'string',
      placeholder: 'N',
      default: '50000',
      parse: integer({ min: 100, max: 100_000_000 }),
      help: 'calls over which memory is watched (flat)',
    },
    json: {
      flag: 'json',
      type: 'string',
      placeholder: 'FILE',
      parse: text,
      help: 'where everything is written as JSON; default results/bench.json, and nowhere with --only or --short',
    },
    short: {
      flag: 'short',
      type: 'boolean',
      help: 'turns of 20 ms, and little of everything: it shows that all of it works',
    },
  } as const;
}
