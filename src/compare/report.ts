import type { Comparison } from './comparison.ts';
import { conditionLines } from './conditions.ts';
import { readingLines } from './reading.ts';
import { resultTable } from './result-table.ts';
import { summarise, type WorkloadSummary } from './summary.ts';
import { listing } from './text-table.ts';
import { verdict } from './verdict.ts';

/** The report in plain text: the figures, a sentence for each workload, how to read them, and the conditions. */
export function renderReport(comparison: Comparison): string {
  const { samples, workloads, designs, baseline, conditions } = comparison;
  const summaries = Object.entries(workloads).map(([workload, { headline }]) =>
    summarise(samples, { workload, headline, designs, baseline }),
  );
  const title = ({ workload }: WorkloadSummary) => workloads[workload]?.title ?? workload;
  return [
    resultTable(summaries, { baseline, title }),
    summaries.map((summary) => `${verdict(summary, title(summary))}\n`).join(''),
    `How to read it\n${listing(readingLines(comparison, summaries))}`,
    `Conditions\n${listing(conditionLines(conditions))}`,
  ].join('\n');
}
