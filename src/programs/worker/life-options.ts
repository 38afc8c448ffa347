import { integer, positiveDuration, text } from '../../cli/value-parsers.ts';

/** The worker's options that say when it ends, and how others learn how it is. */
export const lifeOptions = {
  idleExit: {
    flag: 'idle-exit',
    type: 'string',
    placeholder: 'TIME',
    env: 'IDLE_EXIT',
    parse: positiveDuration,
    help: 'drain and exit 0 after it has consumed for so long without a request; while it has no broker, or is blocked, it never does',
  },
  maxCalls: {
    flag: 'max-calls',
    type: 'string',
    placeholder: 'N',
    env: 'MAX_CALLS',
    parse: integer({ min: 1 }),
    help: 'take N requests, whatever comes of them, then exit 0; the last ones, as many as --prefetch, one at a time',
  },
  httpPort: {
    flag: 'http-port',
    type: 'string',
    placeholder: 'PORT',
    env: 'HTTP_PORT',
    parse: integer({ min: 0, max: 65_535 }),
    help: 'serve /livez, /readyz and /metrics (Prometheus) there; 0 takes a free port and logs it',
  },
  httpHost: {
    flag: 'http-host',
    type: 'string',
    placeholder: 'ADDRESS',
    env: 'HTTP_HOST',
    parse: text,
    help: 'serve them at this address only, such as 127.0.0.1; without it at all of them',
  },
  check: {
    flag: 'check',
    type: 'boolean',
    help: 'ask the workers that run in this container, or on this machine: exit 0 if they are ready, else 1 and a line that says why not (Linux)',
  },
  pid: {
    flag: 'pid',
    type: 'string',
    placeholder: 'PID',
    parse: integer({ min: 1 }),
    help: 'with --check: ask only this one',
  },
} as const;
