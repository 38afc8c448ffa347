import { figures as known, type MeasureDocument } from './document.ts';
import { list, number, object, optional, pair, some, text } from './shape.ts';

// Documents that older programs wrote, as far as they are still shown.

const figureRounds = object({ rounds: list(number) });

const oldEntry = object({
  implementation: text,
  design: text,
  figures: some(['rate', 'p50', 'setUp', 'recovery', 'peakMemory'], figureRounds),
  percentiles: list(pair(number, number)),
  measured: object({ calls: number, right: number, timeouts: number, discarded: number, firstFailure: optional(text) }),
  broker: optional(
    object({
      clients: number,
      connections: optional(number),
      channels: optional(number),
      queues: optional(number),
      processes: optional(number),
      memory: optional(number),
    }),
  ),
});

const wireCost = object({ framesOut: number, framesIn: number, bytesOut: number, bytesIn: number, roundTrips: number });

const comparison1 = object({
  began: text,
  took: number,
  cutShort: optional(text),
  broker: text,
  baseline: text,
  implementations: list(object({ name: text, detail: text })),
  workloads: list(
    object({
      name: text,
      title: text,
      detail: text,
      headline: text,
      columns: list(text),
      levelUnit: text,
      levels: list(object({ level: number, label: text, title: text, rounds: number, entries: list(oldEntry) })),
    }),
  ),
  wire: optional(
    object({
      detail: text,
      entries: list(
        object({ implementation: text, design: text, setUp: wireCost, call: wireCost, teardown: wireCost }),
      ),
    }),
  ),
  conditions: list(pair(text, text)),
});

const bench1 = object({
  began: text,
  took: number,
  cutShort: optional(text),
  broker: text,
  sections: list(
    object({
      name: text,
      title: text,
      detail: text,
      columns: list(text),
      rows: list(
        object({
          row: text,
          entries: list(
            object({
              contender: text,
              figures: some(['rate', 'p50', 'clientCpu', 'workerCpu', 'cpu', 'time', 'rss', 'waiting'], figureRounds),
              failed: number,
              firstFailure: optional(text),
            }),
          ),
        }),
      ),
    }),
  ),
  conditions: list(pair(text, text)),
});

/** Rounds from here on belong to nobody's: a figure that has fewer rounds than the others can't be paired with theirs. */
const UNPAIRED = 1_000_000;

/** The same in today's form; undefined if it is no old document. @throws Unexpected where it is not as it should be */
export function upgraded(value: unknown): MeasureDocument | undefined {
  const { format, version } = Object(value) as Record<string, unknown>;
  if (version !== 1) return undefined;
  if (format === 'fib-worker comparison') return ofComparison(value);
  return format === 'fib-worker bench' ? ofBench(value) : undefined;
}

type Sample = MeasureDocument['samples'][number];
type Figures = Readonly<Partial<Record<string, { readonly rounds: readonly number[] }>>>;

/** A sample for each round; what is known only in all, such as calls, goes into the first. */
function samplesOf(
  figures: Figures,
  rounds: number,
  place: Pick<Sample, 'scenario' | 'level' | 'contender'>,
  scale: Readonly<Record<string, number>>,
  inAll: Omit<Partial<Sample>, 'figures'>,
): Sample[] {
  const found = new Map<number, Record<string, number>>();
  let unpaired = UNPAIRED;
  for (const [name, told] of Object.entries(figures)) {
    if (!Object.hasOwn(known, name)) continue; // percentiles of rounds with few calls
    for (const [index, figure] of (told?.rounds ?? []).entries()) {
      const round = told?.rounds.length === rounds ? index + 1 : unpaired++;
      found.set(round, { ...found.get(round), [name]: figure * (scale[name] ?? 1) });
    }
  }
  if (found.size === 0) found.set(1, {});
  return [...found].map(([round, own], index) => ({
    ...place,
    round,
    order: 0,
    start: 0,
    took: 0,
    calls: 0,
    failed: 0,
    ...(index === 0 ? inAll : {}),
    ...(inAll.held && inAll.clients !== undefined ? { held: inAll.held, clients: inAll.clients } : {}),
    figures: own,
  }));
}

/** Today's names. */
function scenarioOf(name: string): string {
  return { churn: 'life', sweep: 'flight' }[name] ?? name;
}

function ofComparison(value: unknown): MeasureDocument {
  comparison1.check(value, '');
  const old = value as NonNullable<typeof comparison1.type>;
  const nameOf = (one: { implementation: string; design: string }) => `${one.implementation} ${one.design}`;
  const entries = old.workloads.flatMap(({ levels }) => levels.flatMap((level) => level.entries));
  const seen = new Map([...entries, ...(old.wire?.entries ?? [])].map((one) => [nameOf(one), one]));
  return {
    ...headOf(old),
    question: 'designs',
    contenders: [...seen].map(([name, { implementation, design }]) => ({
      name,
      implementation,
      design: design as 'direct',
      detail: old.implementations.find((one) => one.name === implementation)?.detail ?? '',
      ...(design === old.baseline ? {} : { baseline: `${implementation} ${old.baseline}` }),
    })),
    scenarios: old.workloads.map(({ name, title, detail, headline, columns, levelUnit, levels }) => ({
      name: scenarioOf(name),
      title,
      detail,
      unit: levelUnit,
      headline: headline as 'rate',
      figures: columns.filter((column) => !/^p9/.test(column)) as 'rate'[],
      levels: levels.map(({ level, label, title: said }) => ({ level, label, title: said })),
    })),
    samples: old.workloads.flatMap(({ name, levels }) =>
      levels.flatMap(({ level, rounds, entries: own }) =>
        own.flatMap((entry) => {
          const { calls, right, timeouts, discarded, firstFailure } = entry.measured;
          const { clients, ...held } = entry.broker ?? {};
          const place = { scenario: scenarioOf(name), level, contender: nameOf(entry) };
          return samplesOf(
            entry.figures,
            rounds,
            place,
            {},
            {
              calls,
              failed: calls - right,
              timeouts,
              discarded,
              ...(firstFailure === undefined ? {} : { firstFailure }),
              ...(clients === undefined ? {} : { clients, held: heldOf(held) }),
            },
          );
        }),
      ),
    ),
    percentiles: old.workloads.flatMap(({ name, levels }) =>
      levels.flatMap(({ level, entries: own }) =>
        own
          .filter(({ percentiles }) => percentiles.length > 0)
          .map((entry) => ({
            scenario: scenarioOf(name),
            level,
            contender: nameOf(entry),
            percentiles: entry.percentiles,
          })),
      ),
    ),
    ...(old.wire && {
      wire: {
        detail: old.wire.detail,
        entries: old.wire.entries.map((entry) => ({
          contender: nameOf(entry),
          setUp: entry.setUp,
          call: entry.call,
          teardown: entry.teardown,
        })),
      },
    }),
  };
}

function heldOf({ connections, channels, queues, processes, memory }: Readonly<Partial<Record<string, number>>>) {
  const held = { connections, channels, queues, processes, memory };
  return Object.fromEntries(Object.entries(held).filter(([, value]) => value !== undefined));
}

/** Those of the sections that are still measured. */
const OLD_SECTIONS: Readonly<Record<string, string>> = {
  calls: 'calls',
  start: 'start',
  memory: 'memory',
  payload: 'payload',
};

function ofBench(value: unknown): MeasureDocument {
  bench1.check(value, '');
  const old = value as NonNullable<typeof bench1.type>;
  const sections = old.sections.filter(({ name }) => Object.hasOwn(OLD_SECTIONS, name));
  const names = new Set(
    sections.flatMap(({ rows }) => rows.flatMap(({ entries }) => entries.map((one) => one.contender))),
  );
  const own = 'fib-worker';
  const kept = ['rate', 'p50', 'clientCpu', 'workerCpu', 'cpu', 'time', 'rss', 'waiting'];
  return {
    ...headOf(old),
    question: 'implementations',
    contenders: [...names].map((name) => ({
      name,
      implementation: name,
      detail: old.conditions.find(([about]) => about === `${name} is`)?.[1] ?? '',
      ...(name === own ? {} : { baseline: own }),
    })),
    scenarios: sections.map(({ name, title, detail, columns, rows }) => ({
      name,
      title,
      detail,
      unit: rows.length > 1 ? 'row' : '',
      headline: columns[0] as 'rate',
      figures: columns.filter((column) => kept.includes(column)) as 'rate'[],
      levels: rows.map(({ row }, index) => ({ level: index, label: row, title: row })),
    })),
    samples: sections.flatMap(({ name, rows }) =>
      rows.flatMap(({ entries }, level) =>
        entries.flatMap(({ contender, figures, failed, firstFailure }) => {
          const rounds = Math.max(0, ...Object.values(figures).map((one) => one?.rounds.length ?? 0));
          const inAll = { failed, ...(firstFailure === undefined ? {} : { firstFailure }) };
          return samplesOf(figures, rounds, { scenario: name, level, contender }, { rss: 1e6 }, inAll);
        }),
      ),
    ),
    percentiles: [],
  };
}

function headOf(old: {
  began: string;
  took: number;
  cutShort?: string;
  broker: string;
  conditions: MeasureDocument['conditions'];
}) {
  const { began, took, cutShort, broker, conditions } = old;
  return {
    format: 'fib-worker comparison',
    version: 2,
    began,
    took,
    ...(cutShort === undefined ? {} : { cutShort }),
    broker,
    conditions,
  } as const;
}
