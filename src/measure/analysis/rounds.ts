import type { MeasureDocument } from '../document/document.ts';
import { claimsOf } from './claims.ts';
import { pooled, Samples } from './ratios.ts';
import { moments, quantile } from './student.ts';

/** The answer's interval shall reach so far, as a factor, to either side. */
const REACH = Math.log(1.05);

/** Rounds before it is looked how far they spread. */
export const FIRST_ROUNDS = 6;

/** More do not make an answer better than the machine is. */
const MOST = 60;

/**
 * How many rounds there are to be in all, after the first ones: as many as it takes until the interval of what decides among
 * designs, the client that stays, reaches ±5 %, judged once, by how far the first rounds of the floor spread. The floor has
 * the same machine and the same rounds, but other turns: so how many rounds there are does not depend on what the client
 * that the answer is about showed in them, and its intervals hold what they say. Among libraries the budget alone decides.
 */
export function roundsNeeded(
  measured: Pick<MeasureDocument, 'question' | 'scenarios' | 'contenders' | 'samples'>,
): number {
  if (measured.question === 'implementations') return MOST;
  const claims = claimsOf(measured);
  const claim = claims.find(({ name }) => name === 'staying') ?? claims[0];
  if (!claim) return FIRST_ROUNDS;
  const samples = new Samples(measured as MeasureDocument);
  const logs = [...pooled(claim.cells.map((cell) => samples.logs({ ...cell, contender: 'floor direct' }))).values()];
  return logs.length < 3 ? FIRST_ROUNDS : enough(moments(logs).sd);
}

/** The least number of values of this spread whose mean has an interval of the reach. */
export function enough(sd: number): number {
  for (let n = FIRST_ROUNDS; n < MOST; n++) if ((quantile(0.975, n - 1) * sd) / Math.sqrt(n) <= REACH) return n;
  return MOST;
}
