import type { MeasureDocument } from '../document/document.ts';
import { claimsOf } from './claims.ts';
import { pooled, Samples } from './ratios.ts';
import { moments, quantile } from './student.ts';

/** How far the answer's interval is to reach to either side, as the logarithm of a factor. */
const REACH = Math.log(1.05);

/** The rounds after which their spread decides how many there are in all. */
export const FIRST_ROUNDS = 6;

/** The most rounds: no machine is steady enough for more to help. */
const MOST = 60;

/**
 * Decides, once, after the first rounds, how many there are in all. Among designs, as many as the interval of the claim about a
 * client that stays needs to reach ±5 %, if rounds go on to spread as the first ones of the floor did. The floor has the same
 * machine and the same rounds, but other turns. So the number does not depend on what the client showed that the answer is about,
 * and its intervals hold what they say. Among libraries the budget alone decides.
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
