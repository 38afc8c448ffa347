import { place, type Ratio, type WorkloadSummary } from './summary.ts';
import { figure } from './text-table.ts';

/** One sentence: who wins by how much, or that no difference was shown. */
export function verdict({ headline, rounds, designs, standing }: WorkloadSummary, title: string): string {
  if (rounds === 0) return `${title}: no complete round, so nothing to say.`;
  const { best, others } = standing;
  const beside = others.map(
    ({ design, ratio }) => `${design} ${headline === 'time' ? 'takes' : 'does'} ${described(ratio, headline)}`,
  );
  const untold = others.filter(({ ratio }) => !ratio.interval);
  const tied = others.filter(({ ratio }) => place(ratio, headline) === 'unclear');
  const finding =
    untold.length > 0
      ? `too few rounds (${rounds}) to call a winner; beside ${best}`
      : tied.length > 0
        ? `no difference shown between ${best} and ${tied.map(({ design }) => design).join(' and ')}; beside ${best}`
        : `${best} wins`;
  const failures = designs.filter(({ measured }) => measured.right < measured.calls).map(({ design }) => design);
  const caveat = failures.length > 0 ? ` But calls failed with ${failures.join(' and ')}: see the table.` : '';
  return `${title}: ${finding}: ${beside.join(', ')}.${caveat}`;
}

function described({ median, interval }: Ratio, headline: WorkloadSummary['headline']): string {
  const range = interval ? `${figure(interval.low)} to ${figure(interval.high)}` : 'no interval';
  return `${figure(median)} × ${headline === 'time' ? 'as long' : 'the calls/s'} (${range})`;
}
