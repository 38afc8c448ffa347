import type { MeasureDocument } from '../document/document.ts';
import { type Claim, claimsOf } from './claims.ts';
import { type Cell, medianOf, pooled, type RoundLogs, Samples } from './ratios.ts';
import { holm, meanInterval, tTest } from './student.ts';

/** A ratio between 1 ÷ this and this is no difference that matters. */
export const BAND = 1.1;

/** The greatest probability that any claim of a report is wrong, and likewise any table. */
const LEVEL = 0.05;

/** A finding about a ratio: it is better, worse, within ±10 %, or it is not settled. */
export type Verdict = 'better' | 'worse' | 'within' | 'open';

/** A ratio to the baseline, in times as good: above 1 is better. */
export interface Ratio {
  readonly logs: RoundLogs;
  /** Of one cell the median over the rounds; of several the geometric mean. */
  readonly value: number;
  readonly interval?: { readonly low: number; readonly high: number; readonly coverage: number };
  readonly verdict: Verdict;
}

/** Something that the report says: a claim, for one contender. */
export interface Finding extends Ratio {
  readonly claim: Claim;
  readonly contender: string;
}

/** All that a document says. */
export interface Findings {
  readonly samples: Samples;
  readonly document: MeasureDocument;
  readonly findings: readonly Finding[];
  /** The ratio of a scenario's headline figure. Undefined for a baseline and where no round has both. */
  ratio(cell: Omit<Cell, 'figure'>): Ratio | undefined;
  /** The finding about a claim by this contender. */
  finding(claim: string, contender: string): Finding | undefined;
}

/** A ratio whose verdict depends on the others that are judged with it. */
type Judged = Pick<Ratio, 'logs' | 'value'> & { readonly interval: Ratio['interval'] | undefined };

/**
 * Finds out what a document says: the claims at once, and the tables at once, each corrected for how much is said there
 * (Holm).
 */
export function findingsOf(document: MeasureDocument): Findings {
  const samples = new Samples(document);
  const claims = claimsOf(document).flatMap((claim) =>
    document.contenders
      .filter(({ baseline }) => baseline !== undefined)
      .flatMap(({ name: contender }) => {
        const found = ofClaim(samples, claim, contender);
        return found ? [{ claim, contender, found }] : [];
      }),
  );
  const cells = document.scenarios.flatMap(({ name, headline, levels }) =>
    levels.flatMap(({ level }) =>
      document.contenders.flatMap(({ name: contender }) => {
        const place = { scenario: name, level, contender };
        const found = ofCell(samples, { ...place, figure: headline });
        return found ? [{ place, found }] : [];
      }),
    ),
  );
  // among designs the floor is a cross-check: nothing is claimed of it
  const isClaimed = ({ contender }: { readonly contender: string }) =>
    document.question === 'implementations' || !contender.startsWith('floor');
  const verdicts = new Map([
    ...verdictsOf(claims.filter(isClaimed).map(({ found }) => found)),
    ...verdictsOf(cells.map(({ found }) => found)),
  ]);
  const ratio = (found: Judged): Ratio => {
    const { interval, ...rest } = found;
    return { ...rest, ...(interval ? { interval } : {}), verdict: verdicts.get(found) ?? 'open' };
  };
  const findings = claims.map(({ claim, contender, found }) => ({ claim, contender, ...ratio(found) }));
  const byCell = new Map(cells.map(({ place, found }) => [keyOf(place), ratio(found)]));
  return {
    samples,
    document,
    findings,
    ratio: (cell) => byCell.get(keyOf(cell)),
    finding: (name, contender) => findings.find((one) => one.claim.name === name && one.contender === contender),
  };
}

function keyOf({ scenario, level, contender }: Omit<Cell, 'figure'>): string {
  return JSON.stringify([scenario, level, contender]);
}

function ofCell(samples: Samples, cell: Cell): Judged | undefined {
  const logs = samples.logs(cell);
  const found = medianOf(logs);
  return found && { logs, value: found.median, interval: found.interval };
}

/** The geometric mean of the rounds' means over the claim's cells, and Student's t over these. */
function ofClaim(samples: Samples, claim: Claim, contender: string): Judged | undefined {
  const logs = pooled(claim.cells.map((cell) => samples.logs({ ...cell, contender })));
  if (logs.size === 0) return undefined;
  const values = [...logs.values()];
  const found = meanInterval(values);
  return {
    logs,
    value: Math.exp(values.reduce((sum, value) => sum + value, 0) / values.length),
    interval: found && { low: Math.exp(found.low), high: Math.exp(found.high), coverage: 0.95 },
  };
}

/**
 * Two families of tests on the logarithms of the rounds, each corrected for how many there are: that a ratio is not 1, and
 * that it lies within the band (two one-sided tests). What lies within the band is no difference that matters, even if it
 * is one. Where there is an interval it has to agree.
 */
function verdictsOf(judged: readonly Judged[]): Map<Judged, Verdict> {
  const values = judged.map(({ logs }) => [...logs.values()]);
  const differs = holm(values.map((own) => tTest(own)));
  const alike = holm(
    values.map((own) => Math.max(tTest(own, Math.log(BAND), 'less'), tTest(own, -Math.log(BAND), 'more'))),
  );
  return new Map(
    judged.map((one, index): [Judged, Verdict] => {
      const { low = Number.NaN, high = Number.NaN } = one.interval ?? {};
      if ((alike[index] ?? 1) < LEVEL && !(low < 1 / BAND || high > BAND)) return [one, 'within'];
      if ((differs[index] ?? 1) < LEVEL && !(low <= 1 && high >= 1)) return [one, one.value > 1 ? 'better' : 'worse'];
      return [one, 'open'];
    }),
  );
}
