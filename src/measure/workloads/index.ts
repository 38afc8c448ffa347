import { SMALL, taskOf } from '../attempt.ts';
import type { FigureName } from '../document.ts';
import type { Measurement } from '../samples.ts';
import { size } from '../text-table.ts';
import type { Turn } from '../turn.ts';
import { BLOCKED_FOR, BURST_REPLY, burst } from './burst.ts';
import { churn } from './churn.ts';
import { AT_A_TIME, CLIENTS_RATE, clients } from './clients.ts';
import { offered } from './offered.ts';
import { steady } from './steady.ts';

/** A way of calling, the same for every contender. */
export interface Workload {
  /** For the tables: a phrase. */
  readonly title: string;
  /** What the title leaves out, for people. */
  readonly detail: string;
  /** The figure that decides. */
  readonly headline: FigureName;
  readonly columns: readonly FigureName[];
  /** Columns that have a sentence as well. */
  readonly also?: readonly FigureName[];
  /** What the levels count, for people; empty if there is only one. */
  readonly levelUnit: string;
  readonly levels: readonly number[];
  /** A level, for people. */
  readonly levelTitle: (level: number) => string;
  /** A level in short. Default: its number. */
  readonly levelLabel?: (level: number) => string;
  /** Rounds at this level if so many are asked for, and then without warm-up. Infinity, the default: all, with warm-up. */
  readonly rounds?: (level: number, asked: number) => number;
  /** An open loop: how many calls/s it offers at a level. */
  readonly offers?: (level: number) => number;
  /** The rate grows with the level until something is used up: say where. */
  readonly saturates?: boolean;
  run(turn: Turn, level: number): Promise<Measurement>;
}

const latency = ['p50', 'p90', 'p99'] as const satisfies readonly FigureName[];

/** How many calls of `payload` are in flight. */
const PAYLOAD_IN_FLIGHT = 8;

/** The workloads by the name that `--only` takes, in the order in which they run. */
export const workloads = {
  single: {
    title: 'one call at a time',
    detail: 'One connection a turn, its set-up not measured',
    headline: 'p50',
    columns: [...latency, 'rate'],
    levelUnit: '',
    levels: [1],
    levelTitle: () => 'one call at a time',
    run: (turn) => steady(turn, { inFlight: 1, task: SMALL }),
  },
  sweep: {
    title: 'calls in flight',
    detail: 'So many at any time over one connection, its set-up not measured',
    headline: 'rate',
    columns: ['rate', ...latency],
    levelUnit: 'calls in flight',
    levels: [1, 8, 64, 256],
    levelTitle: (level) => `${level} in flight`,
    saturates: true,
    run: (turn, inFlight) => steady(turn, { inFlight, task: SMALL }),
  },
  churn: {
    title: 'connect, call, disconnect',
    detail: 'What is timed is a whole life: connect, log in, set up, so many calls one after the other, disconnect',
    headline: 'p50',
    columns: [...latency, 'rate'],
    levelUnit: 'calls per life',
    levels: [1, 10, 100],
    levelTitle: (level) => (level === 1 ? '1 call per life' : `${level} calls per life`),
    run: churn,
  },
  clients: {
    title: 'many clients',
    detail:
      `Each with a connection of its own; ${AT_A_TIME} at a time connect and make their first call (set-up: the time of all, ` +
      `over their number: one of them waits up to ${AT_A_TIME} × that); then, all connected, together ${CLIENTS_RATE} calls/s, one client after the other (p50, p90, p99), timed from when they were due`,
    headline: 'setUp',
    columns: ['setUp', ...latency, 'rate'],
    also: ['p50'],
    offers: () => CLIENTS_RATE,
    levelUnit: 'clients',
    levels: [10, 100, 500],
    levelTitle: (level) => `${level} clients`,
    rounds: (level, asked) => (level < 100 ? Number.POSITIVE_INFINITY : level === 100 ? asked : Math.ceil(asked / 6)),
    run: clients,
  },
  burst: {
    title: 'a burst while the requester stands still',
    detail:
      `So many calls at once with replies of ${size(BURST_REPLY)}; from the first reply on the requester’s event loop is ` +
      `blocked for ${BLOCKED_FOR} ms; recovery: from the end of that until the last reply; calls not answered are in “failed”. ` +
      'A queue per request has by then sent part of its requests only: what it recovers from is its queues, more than replies that pile up',
    headline: 'recovery',
    columns: ['recovery', 'peakMemory'],
    also: ['peakMemory'],
    levelUnit: '',
    levels: [500],
    levelTitle: (level) => `${level} replies at once`,
    rounds: (_, asked) => asked,
    run: burst,
  },
  payload: {
    title: 'size of the reply',
    detail: `${PAYLOAD_IN_FLIGHT} in flight over one connection; the request stays small`,
    headline: 'rate',
    columns: ['rate', ...latency],
    levelUnit: 'bytes per reply',
    levelLabel: size,
    levels: [16, 16_384, 131_072, 1_048_576],
    levelTitle: (level) => `replies of ${size(level)}`,
    run: (turn, bytes) => steady(turn, { inFlight: PAYLOAD_IN_FLIGHT, task: taskOf(bytes) }),
  },
  open: {
    title: 'calls offered at a steady rate',
    detail: 'An open loop: each call is timed from when it was due, whatever became of those before it',
    headline: 'p50',
    columns: [...latency, 'rate'],
    levelUnit: 'calls/s offered',
    levels: [200],
    levelTitle: (level) => `${level} calls/s offered`,
    offers: (level) => level,
    run: offered,
  },
} as const satisfies Record<string, Workload>;

/** The name of a workload. */
export type WorkloadName = keyof typeof workloads;

/** The names of the workloads. */
export const workloadNames = Object.keys(workloads) as WorkloadName[];

/**
 * The workloads asked for, or all; the open loop only if it is asked for or has rates.
 * @param only may name more than workloads
 * @param levels in place of a workload's own, by its name
 */
export function chooseWorkloads(
  only: readonly string[] | undefined,
  levels: Readonly<Partial<Record<WorkloadName, readonly number[] | undefined>>>,
): Readonly<Record<string, Workload>> {
  const chosen = workloadNames
    .filter((name) => (only === undefined ? name !== 'open' || levels.open !== undefined : only.includes(name)))
    .map((name) => {
      const own = levels[name] && [...new Set(levels[name])].sort((a, b) => a - b);
      return [name, { ...workloads[name], levels: own ?? workloads[name].levels }] as const;
    });
  return Object.fromEntries(chosen);
}
