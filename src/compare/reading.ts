import type { Comparison } from './comparison.ts';
import { addTallies, type Tally } from './samples.ts';
import { COVERAGE, type WorkloadSummary } from './summary.ts';
import { count } from './text-table.ts';
import type { TurnLength } from './turn.ts';

/** How to read the figures, and what is behind them: name and value, a line each. */
export function readingLines(
  { samples, workloads, rounds, length, worker }: Comparison,
  summaries: readonly WorkloadSummary[],
): (readonly [string, string])[] {
  const done = Math.min(rounds, ...summaries.map((summary) => summary.rounds));
  const measured = addTallies(samples.filter(({ round }) => round > 0).map((sample) => sample.measured));
  const unmeasured = addTallies(
    samples.flatMap(({ round, ...of }) => (round > 0 ? of.unmeasured : [of.unmeasured, of.measured])),
  );
  const { firstFailure } = addTallies([measured, unmeasured]);
  return [
    ['rounds', roundsLine(done, rounds)],
    ['turn', `${turnLine(length)}, after a warm-up of its own; as many calls in flight at its end as at its start`],
    [
      'figures',
      'medians over the rounds of each round’s; percentiles by nearest rank; a call that failed is in no time and no rate',
    ],
    ['ratio', 'median over the rounds of one design’s figure over the other’s in the same round'],
    ['interval', intervalLine(summaries)],
    ...Object.values(workloads).map((workload) => [workload.title, workload.detail] as const),
    ['measured', tallyLine(measured)],
    ['not measured', `${tallyLine(unmeasured)}; for warming up, or still under way at a turn’s end`],
    [
      'worker',
      worker ? `answered ${count(worker.answered)}, refused ${count(worker.refused)}` : 'did not say what it did',
    ],
    ...(firstFailure === undefined ? [] : [['first failure', firstFailure] as const]),
  ];
}

function roundsLine(done: number, planned: number): string {
  const order = 'after one of warm-up; each has every workload with every design, their order rotated and reversed';
  return done < planned ? `cut short: ${done} of ${planned} are complete, ${order}` : `${planned}, ${order}`;
}

function turnLine({ time, calls }: TurnLength): string {
  return calls === undefined ? `measures for ${count(time)} ms` : `measures ${count(calls)} calls`;
}

function intervalLine(summaries: readonly WorkloadSummary[]): string {
  const percent = `${COVERAGE * 100} %`;
  const ratio = summaries
    .flatMap(({ standing }) => standing.others.map((other) => other.ratio))
    .find((r) => r.interval);
  if (!ratio?.interval) return `none: one that holds the median with ${percent} needs 6 rounds`;
  const { rank, coverage } = ratio.interval;
  return (
    `holds the median ratio with ${percent} or more (${(coverage * 100).toFixed(1)} %), each by itself: ` +
    `from the ${nth(rank)}smallest to the ${nth(rank)}largest of the ${ratio.rounds} rounds’ ratios`
  );
}

/** For "smallest" and "largest": `2nd `, nothing for the first. */
function nth(rank: number): string {
  if (rank === 1) return '';
  const suffix = Math.floor(rank / 10) % 10 === 1 ? 'th' : ({ 1: 'st', 2: 'nd', 3: 'rd' }[rank % 10] ?? 'th');
  return `${rank}${suffix} `;
}

function tallyLine({ calls, right, wrong, timeouts, errors, discarded }: Tally): string {
  const failures = `${count(wrong)} wrong, ${count(timeouts)} timed out, ${count(errors)} failed otherwise`;
  return `${count(calls)} calls: ${count(right)} answered right, ${failures}; ${count(discarded)} replies discarded`;
}
