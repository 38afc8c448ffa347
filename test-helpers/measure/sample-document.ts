import {
  type BrokerCost,
  type ComparisonDocument,
  type Entry,
  type FigureName,
  figures,
  type LevelResult,
  type WireCost,
  type WorkloadResult,
} from '../../src/measure/document.ts';
import { type Design, designs } from '../../src/measure/implementation.ts';
import { ratioOf } from '../../src/measure/ratios.ts';
import { noCalls, type Tally } from '../../src/measure/samples.ts';
import { sentencesOf } from '../../src/measure/sentences.ts';
import { median } from '../../src/measure/statistics.ts';
import { type WorkloadName, workloads } from '../../src/measure/workloads/index.ts';

/** A type whose optional fields are all there, however deep. */
type Complete<T> = T extends readonly unknown[] | string | number
  ? { [K in keyof T]: Complete<T[K]> }
  : { [K in keyof T]-?: Complete<T[K]> };

const implementations = ['fib-worker', 'floor'] as const;
const ROUNDS = 12;

/** For each design a figure's value at a level. */
type Model = Readonly<Record<Design, (level: number) => number>>;

interface Sample {
  readonly headline: Model;
  /** The other columns, from the headline's value. */
  readonly others?: Readonly<Partial<Record<FigureName, (value: number, level: number) => number>>>;
  readonly broker?: (design: Design, level: number) => BrokerCost;
  readonly measured?: (design: Design, level: number) => Partial<Tally>;
  readonly percentiles?: boolean;
}

const ms = { p90: (p50: number) => p50 * 1.35, p99: (p50: number) => p50 * 2.4 };
const ofRate = {
  p50: (rate: number, level: number) => (0.93 * 1_000 * level) / rate,
  p90: (rate: number, level: number) => (1.3 * 1_000 * level) / rate,
  p99: (rate: number, level: number) => (2.1 * 1_000 * level) / rate,
};
const saturating = (most: number, half: number) => (level: number) => (most * level) / (level + half);
const one = (design: Design): BrokerCost => ({
  clients: 1,
  connections: 1,
  channels: 1,
  queues: { 'per-request': 1, exclusive: 1, direct: 0 }[design],
  processes: { 'per-request': 12, exclusive: 12, direct: 11 }[design],
  memory: 180_000,
  connectionsOpened: 0.000_4,
  queuesDeclared: design === 'per-request' ? 1 : 0.000_4,
  queuesDeleted: design === 'per-request' ? 1 : 0,
});

/** Like a run on 4.3, but not one: nobody shall take these for figures. */
const samples: Readonly<Record<WorkloadName, Sample>> = {
  single: {
    headline: { 'per-request': () => 5.2, exclusive: () => 0.52, direct: () => 0.53 },
    others: { ...ms, rate: (p50) => 910 / p50 },
    broker: one,
    percentiles: true,
  },
  sweep: {
    headline: {
      'per-request': saturating(240, 0.4),
      exclusive: saturating(6_900, 5),
      direct: (level) => saturating(6_500, 4)(level) * (level > 64 ? 0.86 : 1),
    },
    others: ofRate,
    broker: one,
  },
  churn: {
    headline: {
      'per-request': (calls) => 8.4 + 5.2 * calls,
      exclusive: (calls) => 7.8 + 0.52 * calls,
      direct: (calls) => 3.7 + 0.54 * calls,
    },
    others: { ...ms, rate: (p50, calls) => (920 * calls) / p50 },
  },
  clients: {
    headline: { 'per-request': () => 9.1, exclusive: (n) => 8.9 + n / 400, direct: () => 4.6 },
    others: { p50: (setUp) => setUp / 9, p90: (setUp) => setUp / 6, p99: (setUp) => setUp / 2 },
    broker: (design, clients) => ({
      clients,
      connections: clients,
      channels: clients,
      queues: design === 'exclusive' ? clients : 0,
      processes: clients * (design === 'exclusive' ? 12 : 11),
      memory: clients * (design === 'exclusive' ? 182_300 : 121_700),
    }),
  },
  burst: {
    headline: { 'per-request': () => 1_650, exclusive: () => 92, direct: () => 84 },
    others: { peakMemory: (recovery) => 9_000_000 + 21_000 * recovery },
    measured: (design) =>
      design === 'per-request' ? { timeouts: 37, discarded: 12, firstFailure: 'no reply within 9999 ms' } : {},
  },
  payload: {
    headline: {
      'per-request': (size) => 210 / (1 + size / 400_000),
      exclusive: (size) => 3_900 / (1 + size / 50_000),
      direct: (size) => 3_800 / (1 + size / 62_000),
    },
    others: {
      p50: (rate) => ofRate.p50(rate, 8),
      p90: (rate) => ofRate.p90(rate, 8),
      p99: (rate) => ofRate.p99(rate, 8),
    },
  },
  open: {
    headline: {
      'per-request': (rate) => 5.4 + rate / 9,
      exclusive: (rate) => 0.6 + rate / 900,
      direct: (rate) => 0.6 + rate / 880,
    },
    others: { ...ms, rate: (_p50, offered) => offered * 0.998 },
    measured: (design, rate) => (design === 'per-request' && rate > 400 ? { timeouts: 211, errors: 3, wrong: 1 } : {}),
    percentiles: true,
  },
};

/** A run of everything, as it might be: failures, too few rounds, and cut short. */
export const sampleDocument: ComparisonDocument = {
  format: 'fib-worker comparison',
  version: 1,
  began: '2026-11-21T08:00:00.000Z',
  took: 187_400,
  cutShort: 'interrupted by SIGINT',
  broker: 'RabbitMQ 4.3.6',
  baseline: 'exclusive',
  implementations: [
    { name: 'fib-worker', detail: 'this project’s client and worker, 0.1.0, on rabbitmq-client 5.0.8' },
    { name: 'floor', detail: 'the least that AMQP asks for, written by hand: what a library adds is over this' },
  ],
  workloads: (Object.keys(workloads) as WorkloadName[]).map(workloadOf),
  wire: {
    title: 'what goes over the wire',
    detail: 'counted by a proxy between client and broker, and not timed; heartbeats are left out',
    entries: implementations.flatMap((implementation) =>
      designs.map((design) => ({ implementation, design, ...wireOf(design) })),
    ),
    sentences: [
      'A call takes one round trip with direct and exclusive, and 5 with per-request.',
      'Set-up: direct needs 7 round trips, exclusive 8.',
    ],
  },
  reading: [
    [
      'rounds',
      '12, after one of warm-up; each has every workload at every level with every contender next to each other',
    ],
    ['interval', 'holds the median ratio with 95 % or more, if rounds are independent'],
    ['loop', 'closed unless said otherwise: a caller waits for its reply before it calls again'],
  ],
  conditions: [
    ['broker', 'RabbitMQ 4.3.6 at amqp://guest@localhost:5672 (found there)'],
    ['network', 'loopback: round trips cost next to nothing, on a real network they add up; TCP_NODELAY on'],
    ['request queue', 'classic, durable, one for each implementation'],
    ['machine', 'Node v20.20.2, linux x64, Abacus'],
    ['cores', '2, shared by clients and workers and, on this machine, the broker; load average before the start 0.3'],
  ],
};

function workloadOf(name: WorkloadName): WorkloadResult {
  const {
    run: _,
    levelTitle,
    levelLabel,
    rounds: roundsAt,
    ...workload
  } = { rounds: () => ROUNDS, levelLabel: String, ...workloads[name] };
  const chosen = name === 'open' ? [50, 200, 800] : workload.levels;
  const levels = chosen.map((level): LevelResult => {
    const rounds = Math.min(ROUNDS, roundsAt(level, ROUNDS));
    return {
      level,
      label: levelLabel(level),
      title: levelTitle(level),
      rounds,
      entries: entriesOf(name, level, rounds),
    };
  });
  const { title, detail, headline, columns, levelUnit } = workload;
  const sentences = sentencesOf({
    workload: name === 'open' ? { ...workload, levelUnit } : workload,
    levels,
    limit:
      name === 'clients' ? { workload: name, level: 2_000, why: 'the hard limit of open files is 1,024' } : undefined,
  });
  return { name, title, detail, headline, columns, levelUnit, levels, sentences };
}

function entriesOf(name: WorkloadName, level: number, rounds: number): Entry[] {
  const sample = samples[name];
  const { headline } = workloads[name];
  const entries = implementations.flatMap((implementation) =>
    designs.map((design) => {
      const speed = implementation === 'floor' ? (figures[headline].unit === 'calls/s' ? 1.3 : 0.78) : 1;
      const value = sample.headline[design](level) * speed;
      const around = (middle: number, seed: number) =>
        Array.from({ length: rounds }, (_unused, round) => middle * (1 + 0.09 * Math.sin(seed * 12.9 + round * 7.7)));
      const told: [FigureName, number][] = [[headline, value]];
      for (const [other, from] of Object.entries(sample.others ?? {}))
        told.push([other as FigureName, from(value, level)]);
      const calls = 400 * rounds;
      const measured = { ...noCalls, calls, ...sample.measured?.(design, level) };
      return {
        implementation,
        design,
        figures: Object.fromEntries(
          told.map(([figure, middle], index) => {
            const own = around(middle, index + design.length + level + implementation.length);
            return [figure, { median: median(own), rounds: own }];
          }),
        ) as Entry['figures'],
        percentiles: sample.percentiles
          ? ([50, 90, 99, 99.9] as const).map(
              (percent) =>
                [percent, value * (1 + (percent - 50) ** 2 / 900 + (percent > 99 ? 3 + level / 90 : 0))] as const,
            )
          : [],
        measured: { ...measured, right: calls - measured.wrong - measured.timeouts - measured.errors },
        ...(sample.broker && { broker: sample.broker(design, level) }),
      };
    }),
  );
  return entries.map((entry) => withRatios(entry, entries, headline));
}

function withRatios(entry: Entry, all: readonly Entry[], headline: FigureName): Entry {
  const roundsOf = (implementation: string, design: Design) =>
    all.find((other) => other.implementation === implementation && other.design === design)?.figures[headline]?.rounds;
  const own = entry.figures[headline]?.rounds ?? [];
  const toBaseline =
    entry.design === 'exclusive' ? undefined : ratioOf(own, roundsOf(entry.implementation, 'exclusive') ?? []);
  const toFloor = entry.implementation === 'floor' ? undefined : ratioOf(own, roundsOf('floor', entry.design) ?? []);
  return { ...entry, ...(toBaseline && { toBaseline }), ...(toFloor && { toFloor }) };
}

function wireOf(design: Design): { setUp: WireCost; call: WireCost; teardown: WireCost } {
  const perCall = { 'per-request': 5, exclusive: 1, direct: 1 }[design];
  const setUp = { 'per-request': 6, exclusive: 8, direct: 7 }[design];
  return {
    setUp: { framesOut: setUp, framesIn: setUp, bytesOut: 60 * setUp, bytesIn: 95 * setUp, roundTrips: setUp },
    call: {
      framesOut: 2 + perCall,
      framesIn: 2 + perCall,
      bytesOut: 190 + 25 * perCall,
      bytesIn: 140 + 12 * perCall,
      roundTrips: perCall,
    },
    teardown: { framesOut: 2, framesIn: 2, bytesOut: 38, bytesIn: 24, roundTrips: 2 },
  };
}

const estimate = { median: 1.5, rounds: [1, 1.5, 2] };
const ratio = { median: 1.1, interval: { low: 0.9, high: 1.2, coverage: 0.97 }, rounds: [0.9, 1.1, 1.2] };
const wireCost = { framesOut: 4, framesIn: 4, bytesOut: 210, bytesIn: 180, roundTrips: 1 };

/** A small document that has every optional field: the compiler sees to it. */
export const completeDocument: Complete<ComparisonDocument> = {
  format: 'fib-worker comparison',
  version: 1,
  began: '2026-11-21T08:00:00.000Z',
  took: 1_000,
  cutShort: 'interrupted by SIGINT',
  broker: 'RabbitMQ 4.3.6, 3 nodes',
  baseline: 'exclusive',
  implementations: [{ name: 'fib-worker', detail: 'this project’s' }],
  workloads: [
    {
      name: 'single',
      title: 'one call at a time',
      detail: 'one connection',
      headline: 'p50',
      columns: ['p50', 'rate'],
      levelUnit: '',
      levels: [
        {
          level: 1,
          label: '1',
          title: 'one call at a time',
          rounds: 3,
          entries: [
            {
              implementation: 'fib-worker',
              design: 'direct',
              figures: {
                rate: estimate,
                p50: estimate,
                p90: estimate,
                p99: estimate,
                setUp: estimate,
                recovery: estimate,
                peakMemory: estimate,
              },
              percentiles: [
                [50, 0.5],
                [99.9, 2],
              ],
              toBaseline: ratio,
              toFloor: ratio,
              measured: {
                calls: 10,
                right: 9,
                wrong: 0,
                timeouts: 1,
                errors: 0,
                discarded: 1,
                firstFailure: 'no reply',
              },
              broker: {
                connections: 1,
                channels: 1,
                queues: 0,
                processes: 11,
                memory: 120_000,
                connectionsOpened: 0.1,
                queuesDeclared: 0,
                queuesDeleted: 0,
                clients: 1,
              },
            },
          ],
        },
      ],
      sentences: ['fib-worker: no difference shown.'],
    },
  ],
  wire: {
    title: 'what goes over the wire',
    detail: 'counted',
    entries: [{ implementation: 'fib-worker', design: 'direct', setUp: wireCost, call: wireCost, teardown: wireCost }],
    sentences: ['A call takes one round trip.'],
  },
  reading: [['rounds', '3']],
  conditions: [['broker', 'RabbitMQ 4.3.6']],
};
