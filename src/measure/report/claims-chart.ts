import { DIRECT } from '../analysis/answer.ts';
import type { Finding, Findings } from '../analysis/findings.ts';
import type { ForestRow, Mark } from './forest.ts';
import { figure } from './text-table.ts';

type Found = Pick<Finding, 'value' | 'interval' | 'verdict'>;

/** Each claim about Direct Reply-To in a row: this client filled, the floor hollow. */
export function designRows(findings: Findings): ForestRow[] {
  return findings.findings
    .filter(({ contender }) => contender === DIRECT)
    .map((one) => rowOf(one.claim.title, one, findings.finding(one.claim.name, 'floor direct')));
}

/** A row with this client's ratio, and the floor's if there is one. */
export function rowOf(label: string, own: Found, floor: Found | undefined): ForestRow {
  return { label, said: inShort(own), marks: [markOf(own, 'own'), ...(floor ? [markOf(floor, 'floor')] : [])] };
}

/** A ratio in words, without what a chart shows by itself, so that a phone has place for it. */
export function inShort({ value, interval, verdict }: Found): string {
  const between = interval ? ` [${figure(interval.low)}, ${figure(interval.high)}]` : '';
  return `${figure(value)} ×${between}${verdict === 'better' || verdict === 'worse' ? ` ${verdict}` : ''}`;
}

/** A ratio as a mark, with its interval if it has one. */
export function markOf({ value, interval }: Found, look: Mark['look']): Mark {
  return { value, low: interval?.low, high: interval?.high, look };
}
