import type { Tally } from './samples.ts';
import type { DesignSummary, WorkloadSummary } from './summary.ts';
import { count, figure, type Row, textTable } from './text-table.ts';

/** The figures: a section for each workload, a row for each design. */
export function resultTable(
  summaries: readonly WorkloadSummary[],
  options: { readonly baseline: string; readonly title: (summary: WorkloadSummary) => string },
): string {
  const rows: Row[] = [
    ['', 'p50 ms', 'p90 ms', 'p99 ms', 'calls/s', `÷ ${options.baseline}`, 'interval', 'calls', 'failed', 'discarded'],
  ];
  for (const summary of summaries) {
    const compared = summary.headline === 'time' ? 'by p50, less is better' : 'by calls/s, more is better';
    rows.push('', `${options.title(summary)} (${compared})`, ...summary.designs.map(designRow));
  }
  return textTable(rows);
}

function designRow({ design, rate, p50, p90, p99, ratio, measured }: DesignSummary): Row {
  const interval = ratio?.interval;
  return [
    `  ${design}`,
    ...[p50, p90, p99, rate].map(figure),
    ratio ? figure(ratio.median) : '1',
    interval ? `${figure(interval.low)} to ${figure(interval.high)}` : '–',
    ...[measured.calls, failed(measured), measured.discarded].map(count),
  ];
}

function failed({ wrong, timeouts, errors }: Tally): number {
  return wrong + timeouts + errors;
}
