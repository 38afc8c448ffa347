import { BAND, type Findings } from '../analysis/findings.ts';
import type { NamedLine } from '../document/document.ts';
import { count } from './text-table.ts';

/** How to read the figures, what is behind them, and what they don't show: name and value. docs/method.md says more. */
export function methodLines({ document, findings }: Findings): NamedLine[] {
  const { samples, question, percentiles } = document;
  const calls = samples.reduce((sum, one) => sum + one.calls, 0);
  const failed = samples.reduce((sum, one) => sum + one.failed, 0);
  const baseline =
    question === 'designs' ? 'a queue per client (exclusive), with the same implementation' : 'fib-worker';
  return [
    [
      'rounds',
      'every scenario at every level with every contender, next to each other, in the order of a Williams design: each at each place, and right after each ' +
        'other one, equally often. Rounds after the first six: as many as the spread of the floor asks for, looked at once, or as the budget is enough ' +
        'for; what the client showed has no part in it. A queue per request has three rounds',
    ],
    ['× as good', `over ${baseline}, round by round; times are turned over, so that above 1 is better`],
    [
      'interval',
      'in tables: of the median, by order statistics, 95 % or more (93.75 % of five rounds, none of fewer). Of claims: Student’s t on the rounds’ means of ' +
        'logarithms, 95 %. Both take rounds to be independent: the rounds of a claim are printed, so that a drift can be seen',
    ],
    [
      'better, worse',
      `what is said is corrected for all that is said (Holm): 5 % over all ${findings.length} claims, and 5 % over all ratios in tables; within ±10 %: the ` +
        `ratio lies between ${(1 / BAND).toFixed(2)} and ${BAND.toFixed(2)} by two one-sided tests, corrected alike; else it is not settled`,
    ],
    [
      'figures',
      `medians over the rounds of each round’s; ${percentiles.length > 0 ? 'percentiles are of all calls of all rounds, where ten calls or more lie above; ' : ''}a call that failed is in no time and no rate`,
    ],
    [
      'broker work',
      'reductions: steps of Erlang’s processes, for each call, those of being asked and of idling taken off; they do not count native code and ' +
        'waiting for the network. They are the same whatever else the machine does',
    ],
    [
      'loop',
      'closed unless said otherwise: a caller waits for its reply before it calls again, so a slow broker is asked less. An open one times ' +
        'each call from when it was due, whatever became of those before it',
    ],
    [
      'not shown',
      'a broker that has its machine to itself; clients on many machines; a network (but --rtt); a slower disk: a queue that is declared is written ' +
        'to the broker’s metadata store; a burst that sets off a memory alarm',
    ],
    ['measured', `${count(calls)} calls in ${count(samples.length)} turns; ${count(failed)} failed`],
  ];
}
