import type { Measured } from './compose.ts';
import type { NamedLine, WorkloadResult } from './document.ts';
import { BASELINE } from './implementation.ts';
import { COVERAGE, isClear, place } from './ratios.ts';
import { addTallies, type Tally } from './samples.ts';
import { and, count } from './text-table.ts';
import type { TurnLength } from './turn.ts';
import { balancedRounds } from './turn-order.ts';

/** How to read the figures, what is behind them, and what they don't show: name and value. */
export function readingLines(
  { samples, rounds, length, contenders }: Measured,
  results: readonly WorkloadResult[],
): NamedLine[] {
  const measured = addTallies(samples.filter(({ round }) => round > 0).map((sample) => sample.measured));
  const unmeasured = addTallies(
    samples.flatMap(({ round, ...of }) => (round > 0 ? of.unmeasured : [of.unmeasured, of.measured])),
  );
  const { firstFailure } = addTallies([measured, unmeasured]);
  return [
    [
      'rounds',
      `${rounds}, after one of warm-up (none for 100 clients or more and for the burst; of more than 100 clients a sixth of the rounds); each has ` +
        'every workload at every level with every contender next to each other, in the order of a Williams design: each at ' +
        `each place, and right after each other one, equally often after ${balancedRounds(contenders.length)} rounds or a multiple. ` +
        'Workloads and levels come in the same order in every round: what is said of several levels (saturation, crossings) is ' +
        'balanced by nothing',
    ],
    [
      'turn',
      `${turnLine(length)}, after a warm-up of its own (ten calls and two for each in flight; after two for each it lasts no longer ` +
        'than a turn), on connections of its own; it starts when the broker has tidied up after the one before. All share one ' +
        'client process: garbage of one turn may be collected in the next',
    ],
    [
      'figures',
      'medians over the rounds of each round’s; p50 is the median, other percentiles go by nearest rank: of fewer than 100 calls a round p99 is the slowest ' +
        'one, of fewer than 10 p90 too; a call that failed is in no time and no rate',
    ],
    [
      'p99.9',
      'and percentiles of all rounds: of all their calls together, where ten calls or more lie above it. A turn lasts a time, ' +
        'so a slow round has fewer calls, and less weight there',
    ],
    [
      'ratio',
      `÷ ${BASELINE}: median over the rounds of a design’s figure over ${BASELINE}’s of the same implementation in the same round, ` +
        'which need not be the ratio of the medians beside it',
    ],
    [
      'interval',
      `holds the median ratio with ${COVERAGE * 100} % or more, each by itself, if rounds are independent: order statistics, no assumption on the ` +
        'distribution; none below 6 rounds, and of 6 it is the whole range: one odd round hides a difference, and more rounds ' +
        '(--rounds 30 --turn 500ms) see smaller ones. Where it holds 1 no difference is shown, which is not to say that there is none',
    ],
    ...byChance(results),
    [
      'loop',
      'closed unless said otherwise: a caller waits for its reply before it calls again, so a slow broker is asked less. An open ' +
        'one turns its event loop for up to 2 ms before a call is due, and uses processor time with that',
    ],
    [
      'the broker’s figures',
      'read before a turn, after its last call while its clients are still connected, and after it, never while calls are timed ' +
        '(memory in the burst excepted): a queue that lives for one call is seen only if it is not deleted yet. Process MB is ' +
        'the growth of all Erlang processes, garbage included, without tables, bodies and sockets: some ten kB a client are ' +
        'noise. Peak MB is the highest reading above the lowest before it, of all that Erlang allocated, one every 30 to 80 ms. ' +
        'Opened, declared and deleted are the turn’s over its calls, warm-up included: what happens once a connection is a larger ' +
        'fraction where a turn has fewer calls, and no cost of that design',
    ],
    [
      'the same twice',
      '“one call at a time” and “1 in flight” are the same, measured twice: how far they differ is how well a run repeats. ' +
        'Two reports were not measured in turns: set their ratios side by side, not their rates',
    ],
    [
      'not shown',
      'what a broker does that has its machine to itself: where clients, workers and broker share one, a saturated rate is ' +
        'that of the shared cores; many clients on many machines: here one process is all of them, and its event loop is in ' +
        'every latency; a network (--rtt), TLS, a process that has just started; a disk that is slower or faster than this one: ' +
        'a queue that is declared is written to the broker’s metadata store (Mnesia, or Khepri, the only one since 4.3); a burst ' +
        'that sets off a memory alarm, or a requester that leaves before its reply; a worker that has something to do: the more it has, the less the design matters; rounds that are ' +
        'really independent: what lasts longer than a round can make an interval too narrow',
    ],
    ['measured', tallyLine(measured)],
    ['not measured', `${tallyLine(unmeasured)}; for warming up, or still under way at a turn’s end`],
    ...(firstFailure === undefined ? [] : [['first failure', firstFailure] as const]),
  ];
}

function turnLine({ time, calls }: TurnLength): string {
  return calls === undefined
    ? `measures for ${count(time)} ms, and until two calls for each one in flight have ended`
    : `measures ${count(calls)} calls`;
}

/** Many intervals are looked at, and some miss by chance alone. */
function byChance(results: readonly WorkloadResult[]): NamedLine[] {
  const ratios = results.flatMap(({ levels, headline }) =>
    levels.flatMap(({ entries }) =>
      entries.flatMap(({ design, toBaseline: ratio }) =>
        ratio?.interval
          ? [{ design, missed: 1 - ratio.interval.coverage, clear: isClear(place(ratio, headline)) }]
          : [],
      ),
    ),
  );
  const lines = [...new Set(ratios.map(({ design }) => design))].map((design) => {
    const own = ratios.filter((ratio) => ratio.design === design);
    const expected = own.reduce((sum, { missed }) => sum + missed, 0);
    return `${design} ${own.filter(({ clear }) => clear).length} of ${own.length} (by chance alone ${expected.toFixed(1)})`;
  });
  if (lines.length === 0) return [];
  const line =
    `ratios to ${BASELINE}, of the figure that decides, whose interval leaves out 1: ${and(lines)}, if none differed in truth; those ` +
    'to the floor are not counted. Trust what neighbouring levels and both implementations show alike';
  return [['by chance', line]];
}

function tallyLine({ calls, right, wrong, timeouts, errors, discarded }: Tally): string {
  const failures = `${count(wrong)} wrong, ${count(timeouts)} timed out, ${count(errors)} failed otherwise`;
  return `${count(calls)} calls: ${count(right)} answered right, ${failures}; ${count(discarded)} replies discarded`;
}
