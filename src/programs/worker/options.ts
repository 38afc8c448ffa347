import { queueTypes } from '../../amqp/queues.ts';
import { brokerOptions } from '../../cli/broker-options.ts';
import { logLevels } from '../../cli/log.ts';
import { flag, type OptionValues, option, UsageError } from '../../cli/option.ts';
import { duration, integer, list, oneOf, positiveDuration, text } from '../../cli/value-parsers.ts';
import { DEFAULT_QUEUE } from '../../protocol/option-checks.ts';
import { workerDefaults } from '../../worker/options.ts';

/** How long a call may run in a thread unless told otherwise: well below RabbitMQ's `consumer_timeout` of 30 minutes. */
const MAX_RUN = '5m';

/** The worker's own options; its function may add some. */
export const workerOptions = {
  ...brokerOptions('localhost:5672, and inside a container also the host'),
  discover: flag('discover', {
    env: 'DISCOVER',
    default: true,
    help: 'without a URL, do not look for a broker outside the container',
  }),
  queue: option('queue NAME', text, {
    env: 'RPC_QUEUE',
    help: `request queue (the function's own, or ${DEFAULT_QUEUE}); used as it is, declared if it is missing`,
  }),
  queueType: option('queue-type TYPE', oneOf(queueTypes), {
    env: 'QUEUE_TYPE',
    help: `${queueTypes.join(' or ')}, if the queue has to be declared; without it the virtual host decides`,
  }),
  durable: flag('durable', {
    env: 'DURABLE',
    default: true,
    help: 'declare the queue non-durable, as older tutorials do (RabbitMQ 4.3 refuses that)',
  }),
  // where the function runs
  threads: option('threads N', integer({ min: 0, max: 1_024 }), {
    env: 'THREADS',
    default: '0',
    help: 'run the function in N threads, which can be ended; 0: on the event loop',
  }),
  maxRun: option('max-run TIME', positiveDuration, {
    env: 'MAX_RUN',
    help: `how long a call may run, even if its time limit is longer (${MAX_RUN} by default)`,
  }),
  prefetch: option('prefetch N', integer({ min: 1, max: 65_535 }), {
    env: 'PREFETCH',
    help: 'requests in hand, of each function (its own, or 1, or one a thread)',
  }),
  maxDeliveries: option('max-deliveries N', integer({ min: 1 }), {
    env: 'MAX_DELIVERIES',
    default: String(workerDefaults.maxDeliveries),
    help: 'how often to try a request that ends its workers, on a quorum queue; on others only 1 has an effect: none is tried again',
  }),
  startedAfter: option('started-after TIME', duration, {
    env: 'STARTED_AFTER',
    default: `${workerDefaults.startedAfter}ms`,
    help: 'when callers that can cancel are told that their request is being handled; 0s: never, and nobody can cancel',
  }),
  checkCaller: flag('check-caller', {
    env: 'CHECK_CALLER',
    help: 'ask the broker before each request if its caller is still there: a round trip for each',
  }),
  allowReplyTo: option('allow-reply-to PATTERN', list(text), {
    env: 'ALLOW_REPLY_TO',
    multiple: true,
    help: 'reply queues to write to besides Direct Reply-To and names that nobody can guess; * for any characters',
  }),
  grace: option('grace TIME', positiveDuration, {
    env: 'GRACE',
    default: '8s',
    help: 'how long draining may take; what is unfinished then goes back to the queue',
  }),
  log: option('log FORMAT', oneOf(['text', 'json']), {
    env: 'LOG',
    help: 'text or json; without it text on a terminal, json elsewhere',
  }),
  logLevel: option('log-level LEVEL', oneOf(logLevels), {
    env: 'LOG_LEVEL',
    default: 'info',
    help: `${logLevels.join(', ')}: leave out lower levels`,
  }),
  logRequests: flag('log-requests', { env: 'LOG_REQUESTS', help: 'log each request also in json, up to 100 a second' }),
  service: option('service NAME', text, {
    env: 'OTEL_SERVICE_NAME',
    help: 'name of the service that this worker belongs to, in each JSON record; without it the name of this program',
  }),
  // when the worker ends, and how others learn how it is
  idleExit: option('idle-exit TIME', positiveDuration, {
    env: 'IDLE_EXIT',
    help: 'drain and exit 0 after it has consumed for that long without a request; while it has no broker, or is blocked, it never does',
  }),
  maxCalls: option('max-calls N', integer({ min: 1 }), {
    env: 'MAX_CALLS',
    help: 'exit 0 after N requests of one function, redelivered ones included; the last ones, as many as --prefetch, one at a time',
  }),
  httpPort: option('http-port PORT', integer({ min: 0, max: 65_535 }), {
    env: 'HTTP_PORT',
    help: 'serve /livez, /readyz and /metrics (Prometheus) there; 0 takes a free port and logs it',
  }),
  httpHost: option('http-host ADDRESS', text, {
    env: 'HTTP_HOST',
    help: 'serve them at this address only, such as 127.0.0.1; without it at all of them',
  }),
  check: flag('check', {
    help: 'ask the workers that run in this container, or on this machine: exit 0 if they are ready, else 1 and a line that says why not (Linux)',
  }),
  pid: option('pid PID', integer({ min: 1 }), { help: 'with --check: ask only this one' }),
};

/** The values of {@link workerOptions}. */
export type WorkerValues = OptionValues<typeof workerOptions>;

/**
 * How functions are run: values that fit each other, `maxRun` in ms.
 * @throws UsageError
 */
export function readThreadOptions({ threads, maxRun, prefetch }: WorkerValues) {
  if (prefetch !== undefined && prefetch < threads) {
    throw new UsageError(
      `--prefetch ${prefetch} keeps some of --threads ${threads} idle: give it ${threads} or more, or leave it out`,
    );
  }
  return { threads, maxRun: maxRun ?? positiveDuration(MAX_RUN) };
}
