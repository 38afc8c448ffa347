import { type FigureName, figures, type LevelResult, type Ratio } from './document.ts';
import { designsIn, entryOf, implementationsIn } from './entries.ts';
import { BASELINE, type Design } from './implementation.ts';
import type { OutOfReach } from './measure.ts';
import { isClear, type Place, place, ratioOf } from './ratios.ts';
import { backlogs, failures, perClient } from './remarks.ts';
import { FLOOR } from './summarise.ts';
import { and, figure, range } from './text-table.ts';
import type { Workload } from './workloads/index.ts';

/** What the sentences of a workload are made from. */
interface Findings {
  readonly workload: Pick<Workload, 'headline' | 'also' | 'levelUnit' | 'saturates' | 'offers'>;
  readonly levels: readonly LevelResult[];
  readonly limit: OutOfReach | undefined;
}

/** What one design showed beside the baseline's, level by level. */
interface Standing {
  readonly label: string;
  readonly ratio: Ratio;
  readonly place: Place;
}

const beside: Record<'less' | 'more', Record<Place, string>> = {
  less: { better: 'takes less', worse: 'takes more', unclear: 'no difference shown', untold: 'too few rounds to tell' },
  more: { better: 'does more', worse: 'does less', unclear: 'no difference shown', untold: 'too few rounds to tell' },
};

/** Who wins by how much, or that nobody does: a sentence for each implementation, and one where two of them disagree. */
export function sentencesOf({ workload, levels, limit }: Findings): string[] {
  const told = levels.filter(({ rounds }) => rounds > 0);
  const sentences: string[] = [];
  for (const implementation of implementationsIn(told)) {
    const designs = designsIn(told, implementation);
    for (const shown of [workload.headline, ...(workload.also ?? [])]) {
      const parts = designs
        .filter((design) => design !== BASELINE && designs.includes(BASELINE))
        .map((design) => standingSentence(design, standings(told, implementation, design, shown), shown, workload));
      if (parts.length > 0) sentences.push(`${implementation}, ${figures[shown].title}: ${parts.join('; ')}.`);
    }
    if (workload.saturates) sentences.push(...saturation(told, implementation));
  }
  sentences.push(
    ...agreement(told, workload),
    ...backlogs(told, workload.offers),
    ...perClient(told),
    ...failures(levels),
  );
  if (levels.length > 0 && told.length === 0) sentences.push('No complete round, so nothing to say.');
  if (limit) sentences.push(`${limit.level} ${workload.levelUnit} were out of reach here: ${limit.why}.`);
  return sentences;
}

function standings(
  levels: readonly LevelResult[],
  implementation: string,
  design: Design,
  shown: FigureName,
): Standing[] {
  return levels.flatMap(({ label, entries }) => {
    const rounds = (of: Design) => entryOf(entries, implementation, of)?.figures[shown]?.rounds ?? [];
    const ratio = ratioOf(rounds(design), rounds(BASELINE));
    return ratio ? [{ label, ratio, place: place(ratio, shown) }] : [];
  });
}

/** `direct beside exclusive: no difference shown at 1 (1.03 ×) and 4 (0.99 ×), does less at 16 (0.93 ×)`. */
function standingSentence(
  design: string,
  found: readonly Standing[],
  shown: FigureName,
  { levelUnit }: Findings['workload'],
): string {
  const { better } = figures[shown];
  if (found.length === 0) return `${design} beside ${BASELINE}: no round has both`;
  const single = found.length === 1;
  const groups = grouped(found);
  const said = groups.map(([at, members]) => {
    const ratios = members.map(({ label, ratio }) => {
      const interval = ratio.interval ? `, ${range(ratio.interval)}` : '';
      return single ? `${figure(ratio.median)} ×${interval}` : `${label} (${figure(ratio.median)} ×)`;
    });
    return single ? `${beside[better][at]} (${ratios[0]})` : `${beside[better][at]} at ${and(ratios)}`;
  });
  const crossing = crossingOf(found);
  const withoutUnit = found.every(({ label }) => Number.isFinite(Number(label)));
  const unit = withoutUnit && levelUnit !== '' ? ` ${levelUnit}` : '';
  return (
    `${design} beside ${BASELINE}: ${said.join(', ')}${single ? '' : unit}` +
    (crossing ? `; the lines cross between ${crossing[0]} and ${crossing[1]}${unit}` : '')
  );
}

function grouped(found: readonly Standing[]): [Place, Standing[]][] {
  const groups = new Map<Place, Standing[]>();
  for (const one of found) groups.set(one.place, [...(groups.get(one.place) ?? []), one]);
  return [...groups];
}

/** The levels between which better turns into worse, or the other way round, what is unclear in between left out. */
function crossingOf(found: readonly Standing[]): readonly [string, string] | undefined {
  const clear = found.filter((one) => isClear(one.place));
  for (const [index, one] of clear.entries()) {
    const next = clear[index + 1];
    if (next && next.place !== one.place) return [one.label, next.label];
  }
  return undefined;
}

/** A design is saturated where it is so close to its best rate, in percent of it. */
const SATURATED = 5;

function saturation(levels: readonly LevelResult[], implementation: string): string[] {
  const said = designsIn(levels, implementation).flatMap((design) => {
    const rates = levels.flatMap(({ label, entries }) => {
      const rate = entryOf(entries, implementation, design)?.figures.rate?.median;
      return rate === undefined ? [] : [{ label, rate }];
    });
    const best = Math.max(...rates.map(({ rate }) => rate));
    const enough = rates.find(({ rate }) => rate >= (1 - SATURATED / 100) * best);
    if (!enough) return [];
    const more = enough.label === rates.at(-1)?.label ? ', the most that was tried' : '';
    return [`${design} at ${enough.label}${more} (${figure(enough.rate)} calls/s)`];
  });
  return said.length > 0
    ? [`${implementation} is within ${SATURATED} % of its best rate, going by medians: ${and(said)}.`]
    : [];
}

/** Whether the floor, which does the least that can be done, shows the same as each other implementation. */
function agreement(levels: readonly LevelResult[], { headline, levelUnit }: Findings['workload']): string[] {
  const others = implementationsIn(levels).filter((name) => name !== FLOOR);
  return others.flatMap((implementation) => {
    const pairs = designsIn(levels, implementation)
      .filter((design) => design !== BASELINE)
      .flatMap((design) => {
        const floor = standings(levels, FLOOR, design, headline);
        return standings(levels, implementation, design, headline).flatMap((own) => {
          const other = floor.find(({ label }) => label === own.label);
          return other ? [{ design, own, other }] : [];
        });
      });
    const opposed = pairs.filter(
      ({ own, other }) => isClear(own.place) && isClear(other.place) && own.place !== other.place,
    );
    const onlyOne = pairs.filter(
      ({ own, other }) => isClear(own.place) !== isClear(other.place) && ![own.place, other.place].includes('untold'),
    );
    const name = ({ design, own, other }: (typeof pairs)[number]) =>
      `${design}${levelUnit === '' ? '' : ` at ${own.label}`} (${figure(own.ratio.median)} × and ${figure(other.ratio.median)} ×)`;
    if (pairs.length === 0) return [];
    const said: string[] = [];
    if (opposed.length > 0)
      said.push(`${implementation} and the floor disagree on the winner: ${and(opposed.map(name))}.`);
    if (onlyOne.length > 0)
      said.push(
        `Only one of ${implementation} and the floor shows a difference: ${and(onlyOne.map(name))}; that the two differ is not shown by that.`,
      );
    return said;
  });
}
