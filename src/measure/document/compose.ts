import { nearestRank, percentile } from '../analysis/statistics.ts';
import type { Driven } from '../engine/drive.ts';
import type { Scenario } from '../engine/scenario.ts';
import { DOCUMENT_VERSION, type MeasureDocument, type Sample, type ScenarioHead } from './document.ts';

/** The percentiles that are told. */
const percents = [50, 90, 99, 99.9] as const;

/** The fewest calls above a percentile for it to be told. */
const ABOVE = 10;

/** A scenario in the words of the report, its levels as far as they were within reach. */
export function headOf(
  scenario: Scenario,
  outOfReach?: { readonly level: number; readonly why: string },
): ScenarioHead {
  const { name, title, detail, unit, headline, figures, levels, levelTitle, levelLabel = String } = scenario;
  return {
    name,
    title,
    detail,
    unit,
    headline,
    figures,
    levels: levels
      .filter((level) => level < (outOfReach?.level ?? Number.POSITIVE_INFINITY))
      .map((level) => ({ level, label: levelLabel(level), title: levelTitle(level) })),
    ...(outOfReach ? { outOfReach: `${outOfReach.level} ${unit} were out of reach here: ${outOfReach.why}` } : {}),
  };
}

/** Makes the document of what was measured. */
export function compose(
  measured: Driven &
    Pick<MeasureDocument, 'question' | 'broker' | 'contenders' | 'conditions'> & {
      readonly began: Date;
      readonly scenarios: readonly Scenario[];
      readonly wire: MeasureDocument['wire'] | undefined;
    },
): MeasureDocument {
  const { began, failure, scenarios, outOfReach, samples, latencies, wire } = measured;
  const { question, broker, contenders, conditions } = measured;
  return {
    format: 'fib-worker comparison',
    version: DOCUMENT_VERSION,
    question,
    began: began.toISOString(),
    took: Date.now() - began.getTime(),
    ...(failure ? { cutShort: failure.message } : {}),
    broker,
    contenders,
    scenarios: scenarios.map((one) => headOf(one, outOfReach.get(one.name))),
    samples: samples.map(rounded),
    percentiles: [...latencies].flatMap(([key, times]) => {
      const told = percentilesOf(times);
      const [scenario, level, contender] = JSON.parse(key) as [string, number, string];
      return told.length > 0 ? [{ scenario, level, contender, percentiles: told }] : [];
    }),
    ...(wire && { wire }),
    conditions,
  };
}

/** Those of all calls together that have enough calls above them. */
export function percentilesOf(times: readonly number[]): [number, number][] {
  return percents
    .filter((percent) => times.length - nearestRank(times.length, percent) >= ABOVE)
    .map((percent) => [percent, six(percentile(times, percent))]);
}

/** More digits than anything here has. */
function six(value: number): number {
  return Number(value.toPrecision(6));
}

function rounded(sample: Sample): Sample {
  const figures = Object.fromEntries(Object.entries(sample.figures).map(([name, value]) => [name, six(value)]));
  const { start, took, elapsed } = sample;
  return {
    ...sample,
    start: Math.round(start),
    took: Math.round(took),
    ...(elapsed === undefined ? {} : { elapsed: six(elapsed) }),
    figures,
  };
}
