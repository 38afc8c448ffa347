import { type BrokerReader, brokerCost, type Gauges, readSettled } from './broker-cost.ts';
import type { BrokerCost } from './document.ts';
import type { Caller } from './implementation.ts';
import type { Contender, Measurement, Sample } from './samples.ts';
import type { MemoryWatch, TurnLength } from './turn.ts';
import { turnOrder } from './turn-order.ts';
import { LevelOutOfReach } from './workloads/clients.ts';
import type { Workload } from './workloads/index.ts';

/** What to measure. */
export interface Plan {
  readonly contenders: readonly Contender[];
  readonly workloads: Readonly<Record<string, Workload>>;
  /** Measured rounds; one more, the warm-up, comes before them. */
  readonly rounds: number;
  readonly length: TurnLength;
  readonly open: (contender: Contender) => Caller;
  /** Reads the broker's figures; undefined if it does not tell any. */
  readonly readBroker: BrokerReader | undefined;
  readonly watchMemory: () => Promise<MemoryWatch | undefined>;
  readonly signal: AbortSignal;
}

/** A level that can't be reached here, and why; neither it nor those above it are measured any more. */
export interface OutOfReach {
  readonly workload: string;
  readonly level: number;
  readonly why: string;
}

/** What measuring yields. */
export type Step =
  | { readonly kind: 'sample'; readonly sample: Sample }
  | { readonly kind: 'out of reach'; readonly limit: OutOfReach };

/** So many turns in a row without a right answer, and nothing is there to be measured. */
const HOPELESS = 6;

function hopeless({ measured }: Measurement): string {
  return `none of the calls of ${HOPELESS} turns in a row was answered right: ${measured.firstFailure}`;
}

/** How many turns a plan has, if nothing is out of reach. */
export function turnsOf({ contenders, workloads, rounds }: Plan): number {
  const levels = Object.values(workloads).flatMap((workload) =>
    workload.levels.map((level) => roundsAt(workload, level, rounds)),
  );
  return levels.reduce((sum, { first, last }) => sum + (last - first + 1) * contenders.length, 0);
}

/**
 * Measures round by round, and in each round every workload at every level with every contender, so that what is
 * compared lies close together in time.
 * @throws the signal's reason; an Error when several turns in a row get no right answer at all
 */
export async function* measure(plan: Plan): AsyncGenerator<Step> {
  const limits = new Map<string, number>();
  let failures = 0; // turns in a row
  let settled: Gauges | undefined; // what the broker told after the last turn is what it tells before the next
  for (let round = 0; round <= plan.rounds; round++) {
    for (const [name, workload] of Object.entries(plan.workloads)) {
      for (const level of workload.levels) {
        const { first, last } = roundsAt(workload, level, plan.rounds);
        if (round < first || round > last) continue;
        for (const contender of turnOrder(plan.contenders, Math.max(round, 1))) {
          if (level >= (limits.get(name) ?? Number.POSITIVE_INFINITY)) break;
          try {
            const { after, ...measured } = await takeTurn(plan, workload, level, contender, round === 0, settled);
            settled = after;
            failures = measured.measured.right === 0 ? failures + 1 : 0;
            if (failures === HOPELESS) throw new Error(hopeless(measured));
            yield { kind: 'sample', sample: { workload: name, level, ...contender, round, ...measured } };
          } catch (error) {
            if (!(error instanceof LevelOutOfReach)) throw error;
            settled = undefined;
            limits.set(name, level);
            yield { kind: 'out of reach', limit: { workload: name, level, why: error.message } };
          }
        }
      }
    }
  }
}

/** Levels that are measured in few rounds only, because they take long, have no warm-up. */
function roundsAt(workload: Workload, level: number, rounds: number): { first: number; last: number } {
  const worth = workload.rounds?.(level, rounds) ?? Number.POSITIVE_INFINITY;
  return { first: Number.isFinite(worth) ? 1 : 0, last: Math.min(rounds, worth) };
}

async function takeTurn(
  plan: Plan,
  workload: Workload,
  level: number,
  contender: Contender,
  warmUp: boolean,
  settled: Gauges | undefined,
): Promise<Measurement & { broker?: BrokerCost; after: Gauges | undefined }> {
  const { signal, readBroker } = plan;
  const before = readBroker && (settled ?? (await readBroker()));
  let during: { gauges: Gauges | undefined; clients: number } | undefined;
  const turn = {
    open: () => plan.open(contender),
    length: warmUp ? { ...plan.length, time: plan.length.time / 2 } : plan.length,
    connected: async (clients: number) => {
      during = readBroker && { gauges: await readBroker(), clients };
    },
    watchMemory: plan.watchMemory,
    signal,
  };
  const measured = await workload.run(turn, level);
  const after = readBroker && (await readSettled(readBroker, before));
  const calls = measured.measured.calls + measured.unmeasured.calls;
  const broker =
    before && during?.gauges && after && brokerCost({ before, during: during.gauges, after }, during.clients, calls);
  return { ...measured, ...(broker ? { broker } : {}), after };
}
