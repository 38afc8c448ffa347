import type { Contender } from '../document/document.ts';
import { AT_A_TIME, BLOCKED_FOR, CLIENTS_RATE } from '../engine/client-side.ts';
import type { Scenario } from '../engine/scenario.ts';
import { size } from '../report/text-table.ts';

/** How many calls are in flight where the size of the reply is the question. */
export const PAYLOAD_IN_FLIGHT = 8;

/** More queues per request at a time, or more calls of a life, take seconds, and say what fewer say. */
const PER_REQUEST_MOST = 64;

/** A queue per request takes part up to there. */
const fewPerRequest = ({ design }: Contender, level: number): boolean =>
  design !== 'per-request' || level <= PER_REQUEST_MOST;

const isNotPerRequest = ({ design }: Contender): boolean => design !== 'per-request';

/** The size of a reply in a burst, in bytes: all together far more than sockets buffer. */
const BURST_REPLY = 32 * 1024;

/** Calls in flight by TLS, beside a life. */
const TLS_IN_FLIGHT = 64;

/** How long a worker that has something to do is busy with a request, in ms. */
const BUSY = 5;

/** Rounds with many clients, which take seconds each. */
const CLIENTS_ROUNDS = 6;

/** Which reply design? What the three of them do in the same situations, in the order of the report. */
export const designScenarios: readonly Scenario[] = [
  {
    name: 'life',
    title: 'connect, call, disconnect',
    detail:
      'A whole life is timed: connect, log in, set up, N calls one after the other, disconnect. “reply” is what the caller ' +
      'waits for, until its last reply; “close” is the rest',
    headline: 'p50',
    figures: ['p50', 'reply', 'close', 'work', 'brokerCpu'],
    contenders: fewPerRequest,
    unit: 'calls per life',
    levels: [1, 10, 100],
    levelTitle: (level) => (level === 1 ? '1 call per life' : `${level} calls per life`),
    run: (turn, calls) => turn.clients({ kind: 'lives', calls }),
  },
  {
    name: 'clients',
    title: 'many clients',
    detail:
      `Each with a connection of its own; ${AT_A_TIME} at a time connect and make their first call (set-up: the time of all, over ` +
      `their number); then, all connected, together ${CLIENTS_RATE} calls/s, one client after the other, timed from when they were due`,
    headline: 'setUp',
    figures: ['setUp', 'p50'],
    unit: 'clients',
    levels: [10, 100, 500],
    // of the most, which take seconds, what the broker holds is told, and no ratio: they have one round
    contenders: ({ implementation }, clients) => clients <= 100 || implementation === 'fib-worker',
    levelTitle: (level) => `${level} clients`,
    rounds: (level) => (level < 100 ? Number.POSITIVE_INFINITY : level < 500 ? CLIENTS_ROUNDS : 1),
    run: (turn, clients) => turn.clients({ kind: 'many', clients }),
  },
  {
    name: 'flight',
    title: 'calls in flight',
    detail: `N at any time over one connection, its set-up not measured; a queue per request up to ${PER_REQUEST_MOST}`,
    headline: 'rate',
    figures: ['rate', 'p50', 'work', 'brokerCpu', 'cpu'],
    contenders: fewPerRequest,
    unit: 'calls in flight',
    levels: [1, 8, 64, 256],
    levelTitle: (level) => (level === 1 ? 'one call at a time' : `${level} in flight`),
    run: (turn, inFlight) => turn.clients({ kind: 'loop', inFlight }),
  },
  {
    name: 'payload',
    title: 'size of the reply',
    detail: `${PAYLOAD_IN_FLIGHT} in flight over one connection; the request stays small`,
    headline: 'rate',
    figures: ['rate', 'p50', 'work', 'brokerCpu', 'cpu'],
    unit: 'bytes per reply',
    levels: [16, 16_384, 131_072, 1_048_576],
    levelLabel: size,
    levelTitle: (level) => `replies of ${size(level)}`,
    run: (turn, bytes) => turn.clients({ kind: 'loop', inFlight: PAYLOAD_IN_FLIGHT, bytes }),
  },
  {
    name: 'open',
    title: 'calls offered at a steady rate',
    detail: 'An open loop: each call is timed from when it was due, whatever became of those before it',
    headline: 'p50',
    figures: ['p50', 'rate', 'work'],
    unit: 'calls/s offered',
    levels: [200, 1_000],
    levelTitle: (level) => `${level} calls/s offered`,
    run: (turn, rate) => turn.clients({ kind: 'offered', rate }),
  },
  {
    name: 'tls',
    title: 'the same by TLS',
    detail:
      `Client and worker by TLS 1.2 or 1.3, as the broker agrees to: connect, call once, disconnect; and ${TLS_IN_FLIGHT} calls in flight over one ` +
      'connection. A queue per request takes no part',
    headline: 'p50',
    figures: ['p50', 'rate', 'reply', 'close', 'work', 'brokerCpu'],
    contenders: isNotPerRequest,
    unit: 'in flight',
    levels: [1, TLS_IN_FLIGHT],
    levelLabel: (level) => (level === 1 ? 'a life' : `${level} in flight`),
    levelTitle: (level) => (level === 1 ? 'a life of 1 call by TLS' : `${level} in flight by TLS`),
    run: (turn, level) =>
      turn.clients(level === 1 ? { kind: 'lives', calls: 1 } : { kind: 'loop', inFlight: level }, { tls: true }),
  },
  {
    name: 'busy',
    title: 'a worker that has something to do',
    detail: `One call at a time; the worker computes for ${BUSY} ms: the more it has to do, the less the design matters`,
    headline: 'p50',
    figures: ['p50', 'rate'],
    unit: '',
    levels: [BUSY],
    levelTitle: (level) => `a worker that takes ${level} ms`,
    run: (turn, busy) => turn.clients({ kind: 'loop', inFlight: 1, busy }),
  },
  {
    name: 'burst',
    title: 'a burst while the requester stands still',
    detail:
      `N calls at once with replies of ${size(BURST_REPLY)}; from the first reply on the requester’s event loop is blocked for ` +
      `${BLOCKED_FOR} ms; recovery: from the end of that until the last reply; calls not answered are in “failed”. A queue per request takes no part`,
    headline: 'recovery',
    figures: ['recovery', 'peakMemory'],
    contenders: isNotPerRequest,
    unit: '',
    levels: [500],
    levelTitle: (level) => `${level} replies at once`,
    rounds: () => CLIENTS_ROUNDS,
    run: (turn, calls) => turn.clients({ kind: 'burst', calls, bytes: BURST_REPLY }, { memory: true }),
  },
];
