import type { Ratio } from '../../document.ts';
import { callRow, IN_FLIGHT, PREFETCHES } from './calls.ts';
import type { FigureName, GoalResult, Sample } from './results.ts';
import { CLIENT_ROW, WORKER_ROW } from './start.ts';
import { FLOOR, ratioBetween } from './summary.ts';
import { FIRST_REPLY } from './wire.ts';

/** Who the goals are for. */
const OWN = 'fib-worker';

/** What the project wants to reach: a figure of its own over another's of the same rounds. */
interface Goal {
  readonly goal: string;
  readonly section: string;
  readonly row: string;
  readonly figure: FigureName;
  readonly against: string;
  readonly bound: GoalResult['bound'];
  readonly target: number;
  /** Whether it is counted: one count is as good as many. */
  readonly counted?: boolean;
}

/** Says of each goal whether the samples reach it; those of sections that were not asked for are left out. */
export function judgeGoals(
  samples: readonly Sample[],
  sections: readonly string[],
  peers: readonly string[],
): GoalResult[] {
  return goalsOf(peers)
    .filter(({ section }) => sections.includes(section))
    .map(({ goal, section, row, figure, against, bound, target, counted }) => {
      const failures = samples.some(
        (sample) =>
          sample.section === section &&
          sample.row === row &&
          [OWN, against].includes(sample.contender) &&
          (sample.failed ?? 0) > 0,
      );
      // what is quick because calls failed reaches nothing
      const ratio = failures ? undefined : ratioBetween(samples, { section, row, figure }, [OWN, against]);
      return { goal, bound, target, ...judge(ratio, bound, target), ...(counted && ratio ? { sure: true } : {}) };
    });
}

/** Whether a ratio is on the right side of the target, and whether all of its interval is on one side. */
export function judge(
  ratio: Ratio | undefined,
  bound: GoalResult['bound'],
  target: number,
): Pick<GoalResult, 'verdict' | 'ratio' | 'sure'> {
  if (!ratio) return { verdict: 'not measured', sure: false };
  const reaches = (value: number) => {
    if (bound === 'at least') return value >= target;
    if (bound === 'at most') return value <= target;
    return bound === 'more than' ? value > target : value < target;
  };
  const reached = reaches(ratio.median);
  const { interval } = ratio;
  const sure = interval !== undefined && reaches(interval.low) === reached && reaches(interval.high) === reached;
  return { verdict: reached ? 'reached' : 'missed', ratio, sure };
}

function goalsOf(peers: readonly string[]): Goal[] {
  const [one, ...many] = IN_FLIGHT;
  const calls = PREFETCHES.flatMap((prefetch): Goal[] => {
    const at = (inFlight: number) => ({ section: 'calls', row: callRow(inFlight, prefetch) });
    const name = (inFlight: number) => `${callRow(inFlight, prefetch)}: `;
    const toFloor = { against: FLOOR } as const;
    return [
      ...many.flatMap((inFlight): Goal[] => [
        {
          goal: `${name(inFlight)}calls/s over the floor’s`,
          ...at(inFlight),
          figure: 'rate',
          ...toFloor,
          bound: 'at least',
          target: 0.85,
        },
        ...peers.map(
          (against): Goal => ({
            goal: `${name(inFlight)}calls/s over those of ${against}`,
            ...at(inFlight),
            figure: 'rate',
            against,
            bound: 'more than',
            target: 1,
          }),
        ),
        {
          goal: `${name(inFlight)}processor time a call over the floor’s`,
          ...at(inFlight),
          figure: 'cpu',
          ...toFloor,
          bound: 'at most',
          target: 1.5,
        },
      ]),
      {
        goal: `${name(one)}p50 over the floor’s`,
        ...at(one),
        figure: 'p50',
        ...toFloor,
        bound: 'at most',
        target: 1.15,
      },
    ];
  });
  const start = [CLIENT_ROW, WORKER_ROW].flatMap((row): Goal[] => [
    {
      goal: `${row}, over the floor’s`,
      section: 'start',
      row,
      figure: 'time',
      against: FLOOR,
      bound: 'at most',
      target: 1.25,
    },
    {
      goal: `${row}, over the JavaScript tutorial’s`,
      section: 'start',
      row,
      figure: 'time',
      against: 'amqplib',
      bound: 'less than',
      target: 1,
    },
  ]);
  const wire: Goal = {
    goal: `${FIRST_REPLY}, over the floor’s`,
    section: 'wire',
    row: FIRST_REPLY,
    figure: 'roundTrips',
    against: FLOOR,
    bound: 'at most',
    target: 1,
    counted: true,
  };
  return [...calls, ...start, wire];
}
