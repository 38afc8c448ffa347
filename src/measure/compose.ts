import {
  type ComparisonDocument,
  DOCUMENT_VERSION,
  type NamedLine,
  type WireResult,
  type WorkloadResult,
} from './document.ts';
import { BASELINE } from './implementation.ts';
import type { OutOfReach } from './measure.ts';
import { readingLines } from './reading.ts';
import type { Contender, Sample } from './samples.ts';
import { sentencesOf } from './sentences.ts';
import { summariseLevel } from './summarise.ts';
import type { TurnLength } from './turn.ts';
import type { Workload } from './workloads/index.ts';

/** What a comparison measured, and how. */
export interface Measured {
  readonly began: Date;
  /** In ms. */
  readonly took: number;
  readonly cutShort: string | undefined;
  readonly broker: string;
  readonly implementations: readonly { readonly name: string; readonly detail: string }[];
  readonly contenders: readonly Contender[];
  readonly workloads: Readonly<Record<string, Workload>>;
  readonly rounds: number;
  readonly length: TurnLength;
  readonly samples: readonly Sample[];
  readonly limits: readonly OutOfReach[];
  readonly wire: WireResult | undefined;
  readonly conditions: readonly NamedLine[];
}

/** Sums up what was measured into the document that all renderings are made from. */
export function compose(measured: Measured): ComparisonDocument {
  const { began, took, cutShort, broker, implementations, workloads, wire, conditions } = measured;
  const results = Object.entries(workloads).map(([name, workload]) => workloadResult(name, workload, measured));
  return {
    format: 'fib-worker comparison',
    version: DOCUMENT_VERSION,
    began: began.toISOString(),
    took: Math.round(took),
    ...(cutShort === undefined ? {} : { cutShort }),
    broker,
    baseline: BASELINE,
    implementations: implementations.map(({ name, detail }) => ({ name, detail })),
    workloads: results,
    ...(wire && { wire }),
    reading: readingLines(measured, results),
    conditions,
  };
}

function workloadResult(name: string, workload: Workload, { samples, limits, contenders }: Measured): WorkloadResult {
  const { title, detail, headline, columns, levelUnit } = workload;
  const limit = limits.find((one) => one.workload === name);
  const own = samples.filter((sample) => sample.workload === name);
  const levels = workload.levels
    .filter((level) => level < (limit?.level ?? Number.POSITIVE_INFINITY))
    .map((level) =>
      summariseLevel(
        own.filter((sample) => sample.level === level),
        level,
        workload,
        contenders,
      ),
    );
  return {
    name,
    title,
    detail,
    headline,
    columns,
    levelUnit,
    levels,
    sentences: sentencesOf({ workload, levels, limit }),
  };
}
