import type { Contender, Sample } from '../document/document.ts';
import type { TurnLength } from './closed-loop.ts';
import { LevelOutOfReach, type Measurement, type Scenario, type Turn } from './scenario.ts';
import { turnOrder } from './turn-order.ts';

/** The plan: what to measure, and for how long. */
export interface Plan {
  readonly scenarios: readonly Scenario[];
  readonly contenders: readonly Contender[];
  /** Rounds of a contender at most, which then has no warm-up; undefined: all. */
  readonly roundsOf?: (contender: Contender) => number | undefined;
  readonly length: TurnLength;
  /** How many rounds there are at first, and what then decides, once, how many there are in all. */
  readonly rounds: number;
  readonly decide?: ((samples: readonly Sample[]) => number) | undefined;
  /** After this, in ms as `performance.now()` counts, no round begins but the first. Default: never. */
  readonly until?: number | undefined;
  readonly turn: (contender: Contender, length: TurnLength) => Turn;
  readonly onStep?: (step: Step) => void;
  readonly signal: AbortSignal;
}

/** How far it is. */
export interface Step {
  /** 0 is the warm-up. */
  readonly round: number;
  /** As far as it is known. */
  readonly rounds: number;
  /** Turns of this round that are done, of how many. */
  readonly done: number;
  readonly of: number;
  readonly scenario: string;
  readonly level: number;
  readonly contender: string;
}

/** The result of measuring. */
export interface Driven {
  readonly samples: readonly Sample[];
  /** The times of all calls, by {@link cellKey}. */
  readonly latencies: ReadonlyMap<string, readonly number[]>;
  /** By the scenario's name: the level that is out of reach, and why. */
  readonly outOfReach: ReadonlyMap<string, { readonly level: number; readonly why: string }>;
  /** The reason why it ended early; undefined if it did not. */
  readonly failure: Error | undefined;
}

/** A contender at a level of a scenario. */
export function cellKey({ scenario, level, contender }: Pick<Sample, 'scenario' | 'level' | 'contender'>): string {
  return JSON.stringify([scenario, level, contender]);
}

/**
 * How long a contender's turns of the warm-up round are in all, in turns: V8 compiles what runs often, and a process that was
 * called some hundred times takes up to twice the processor time of one that has run for some seconds.
 */
const WARM_UP = 30;

/** Turns in a row without a right answer after which measuring ends. */
const HOPELESS = 6;

/**
 * Measures round by round, and in each round every scenario at every level with every contender, so that what is compared
 * lies close together in time. What was measured until it is ended, by the signal or by a failure, is kept.
 */
export async function drive(plan: Plan): Promise<Driven> {
  const { scenarios, contenders, signal } = plan;
  const began = performance.now();
  const samples: Sample[] = [];
  const latencies = new Map<string, number[]>();
  const outOfReach = new Map<string, { level: number; why: string }>();
  let failures = 0; // turns in a row
  let order = 0;
  let { rounds } = plan;

  const turnsOf = (round: number) =>
    scenarios.flatMap((scenario) =>
      scenario.levels
        // levels that have few rounds take long: they have no warm-up
        .filter((level) => (scenario.rounds ? round > 0 && round <= scenario.rounds(level) : true))
        .flatMap((level) => {
          const taking = contenders.filter((one) => {
            const most = plan.roundsOf?.(one);
            return (most === undefined || (round > 0 && round <= most)) && (scenario.contenders?.(one, level) ?? true);
          });
          return turnOrder(taking, Math.max(round, 1)).map((contender) => ({ scenario, level, contender }));
        }),
    );

  const warmUp = turnsOf(0);
  const warmUpTime = (contender: Contender) => {
    const turns = warmUp.filter((turn) => turn.contender === contender).length;
    return plan.length.time * Math.max(1, WARM_UP / turns);
  };

  const take = async (scenario: Scenario, level: number, contender: Contender, round: number) => {
    const start = performance.now();
    const length = round === 0 ? { ...plan.length, time: warmUpTime(contender) } : plan.length;
    const measurement = await scenario.run(plan.turn(contender, length), level);
    const { measured } = measurement;
    failures = measured.calls > 0 && measured.failed === measured.calls ? failures + 1 : 0;
    if (failures === HOPELESS)
      throw new Error(`none of the calls of ${HOPELESS} turns in a row was answered right: ${measured.firstFailure}`);
    if (round === 0) return;
    const place = { scenario: scenario.name, level, contender: contender.name };
    const times = latencies.get(cellKey(place)) ?? [];
    for (const latency of measurement.latencies) times.push(latency);
    latencies.set(cellKey(place), times);
    const when = { start: start - began, took: performance.now() - start };
    samples.push({ ...place, round, order: order++, ...when, ...sampleOf(measurement, scenario) });
  };

  try {
    for (let round = 0; round <= rounds; round++) {
      if (round > 1 && performance.now() > (plan.until ?? Number.POSITIVE_INFINITY)) break;
      const turns = turnsOf(round);
      for (const [done, { scenario, level, contender }] of turns.entries()) {
        signal.throwIfAborted();
        if (level >= (outOfReach.get(scenario.name)?.level ?? Number.POSITIVE_INFINITY)) continue;
        const at = { scenario: scenario.name, level, contender: contender.name };
        plan.onStep?.({ round, rounds, done, of: turns.length, ...at });
        try {
          await take(scenario, level, contender, round);
        } catch (error) {
          if (!(error instanceof LevelOutOfReach)) throw error;
          outOfReach.set(scenario.name, { level, why: error.message });
        }
      }
      if (round === plan.rounds && plan.decide) rounds = Math.max(round, plan.decide(samples));
    }
    return { samples, latencies, outOfReach, failure: undefined };
  } catch (error) {
    const failure = signal.aborted ? signal.reason : error;
    return {
      samples,
      latencies,
      outOfReach,
      failure: failure instanceof Error ? failure : new Error(String(failure)),
    };
  }
}

function sampleOf(measurement: Measurement, scenario: Scenario) {
  const { elapsed, measured, discarded, held, figures } = measurement;
  const { calls, failed, timeouts, firstFailure } = measured;
  const told = Object.entries(figures).filter(
    ([name, value]) => Number.isFinite(value) && scenario.figures.some((figure) => figure === name),
  );
  return {
    calls,
    failed,
    ...(timeouts > 0 ? { timeouts } : {}),
    ...(discarded > 0 ? { discarded } : {}),
    ...(firstFailure === undefined ? {} : { firstFailure }),
    ...(Number.isFinite(elapsed) ? { elapsed } : {}),
    ...(held ? { clients: held.clients, held: held.of } : {}),
    figures: Object.fromEntries(told),
  };
}
