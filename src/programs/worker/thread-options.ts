import { UsageError } from '../../cli/usage-error.ts';
import { integer, positiveDuration } from '../../cli/value-parsers.ts';

/** How long a call may run in a thread unless told otherwise: well below RabbitMQ's `consumer_timeout` of 30 minutes. */
const MAX_RUN = '5m';

/** The options that say where the function runs. */
export const threadOptions = {
  threads: {
    flag: 'threads',
    type: 'string',
    placeholder: 'N',
    env: 'THREADS',
    default: '0',
    parse: integer({ min: 0, max: 1_024 }),
    help: 'run the function in N threads, which can be ended; 0: on the event loop',
  },
  maxRun: {
    flag: 'max-run',
    type: 'string',
    placeholder: 'TIME',
    env: 'MAX_RUN',
    parse: positiveDuration,
    help: `how long a call may run in a thread, whatever its time limit (${MAX_RUN} by default)`,
  },
  prefetch: {
    flag: 'prefetch',
    type: 'string',
    placeholder: 'N',
    env: 'PREFETCH',
    parse: integer({ min: 1, max: 65_535 }),
    help: 'requests in hand; by default 1, or one a thread',
  },
} as const;

/** The values of {@link threadOptions}. */
interface ThreadValues {
  readonly threads: number;
  readonly maxRun: number | undefined;
  readonly prefetch: number | undefined;
}

/**
 * Makes them fit each other; `maxRun` in ms.
 * @throws UsageError
 */
export function readThreadOptions({ threads, maxRun, prefetch }: ThreadValues) {
  if (threads === 0 && maxRun !== undefined) {
    throw new UsageError('--max-run needs --threads: what runs on the event loop can not be ended');
  }
  if (prefetch !== undefined && prefetch < threads) {
    throw new UsageError(
      `--prefetch ${prefetch} keeps some of --threads ${threads} idle: give it ${threads} or more, or leave it out`,
    );
  }
  return {
    threads,
    maxRun: maxRun ?? positiveDuration(MAX_RUN),
    prefetch: prefetch ?? Math.max(threads, 1),
  };
}
