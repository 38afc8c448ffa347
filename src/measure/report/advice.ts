import { DIRECT, EXCLUSIVE, heldDifference, told } from '../analysis/answer.ts';
import type { Finding, Findings } from '../analysis/findings.ts';
import { count, figure } from './text-table.ts';

const wins: Record<Finding['verdict'], string> = {
  better: 'Direct Reply-To',
  worse: 'a queue per client',
  within: 'either',
  open: 'either: not settled here',
};

/** Your case, the design, why. */
export function decisionTable(findings: Findings): string[][] {
  const byClaim = (name: string, yourCase: string): string[][] => {
    const found = findings.finding(name, DIRECT);
    return found ? [[yourCase, wins[found.verdict], told(found)]] : [];
  };
  const held = heldDifference(findings);
  return [
    ...byClaim('life', 'Functions and scripts: connect, call once, leave'),
    ...byClaim('life-100', 'Connections of a hundred calls'),
    ...byClaim('single', 'A service that stays, one call at a time'),
    ...byClaim('flight', 'A service that stays, many calls in flight'),
    ...byClaim('payload', 'Replies of up to 1 MiB'),
    ...(held === '' ? [] : [['Hundreds of clients connected', 'Direct Reply-To', `with it ${held}`]]),
    [
      'A reply must wait for a caller that is away',
      'a durable queue of the caller’s own',
      'none of the three measured here keeps a reply for a caller that left',
    ],
    [
      'A cluster, clients and workers on different nodes',
      'Direct Reply-To',
      'a new queue is not known everywhere at once (4.2 and later): the first reply to it may be lost',
    ],
  ];
}

/** Rows: what the documentation says, and what was seen, with its limits. */
export function documentationTable(findings: Findings): string[][] {
  const { document, samples } = findings;
  const flight = document.scenarios.find(({ name }) => name === 'flight')?.levels ?? [];
  const rates = flight.map(({ level }) =>
    samples.median({ scenario: 'flight', level, contender: DIRECT, figure: 'rate' }),
  );
  const most = Math.max(0, ...rates.filter(Number.isFinite));
  const burst = document.scenarios.find(({ name }) => name === 'burst')?.levels[0];
  const bursts = burst ? samples.of({ scenario: 'burst', level: burst.level, contender: DIRECT }) : [];
  const lost = bursts.reduce((sum, { failed }) => sum + failed, 0);
  const setUp = findings.finding('set-up', DIRECT);
  const perRequest = findings.finding('staying', 'fib-worker per-request');
  return [
    ...(most > 0
      ? [
          [
            'It is not for hundreds of replies a second and more to the same requester, nor for large ones: nothing buffers them',
            `${count(Math.round(most))} calls/s to one requester` +
              (burst
                ? `, and ${bursts.length} bursts of ${burst.level} × 32 KiB at one that stood still for half a second: ${lost === 0 ? 'nothing lost' : `${count(lost)} calls lost`}`
                : '') +
              '. Its limits: over loopback, one requester, and no memory alarm; what waits is in the broker’s memory',
          ],
        ]
      : []),
    ...(setUp
      ? [
          [
            'A queue per client costs an entry in the metadata store',
            `setting up many clients with Direct Reply-To is ${told(setUp)}`,
          ],
        ]
      : []),
    ...(perRequest
      ? [
          [
            'A queue per request is inefficient',
            `for a client that stays ${figure(perRequest.value)} × as good as a queue per client`,
          ],
        ]
      : []),
  ];
}

/** The fate of a reply, by design. */
export const replyTable: readonly (readonly string[])[] = [
  ['its client’s connection ends', 'dropped', 'dropped with the queue', 'dropped with the queue'],
  ['its client is slow', 'waits in the broker’s memory', 'waits in the queue', 'waits in its queue'],
  ['the broker restarts', 'lost', 'lost with the queue', 'lost with the queue'],
  ['the client’s node dies', 'lost; the worker is not told', 'lost with the queue', 'lost with the queue'],
  ['the worker’s node dies before its ack', 'the request is delivered again', 'the same', 'the same'],
  ['metadata lags (cluster, 4.2 and later)', 'not touched', 'the first may be dropped', 'any may be dropped'],
];

/** The headings of {@link workedCases}. */
export const caseTable = ['Network', 'round trip', 'life, direct', 'life, queue per client', 'a call'] as const;

const networks = [
  ['a function on a phone network', 100],
  ['two zones of a region', 1],
  ['a data centre', 0.2],
  ['loopback', 0],
] as const;

/** Round trips × their time + what both ends and the broker take, as measured. Undefined where the wire was not looked at. */
export function workedCases({ document, samples }: Findings): { sum: string; rows: string[][] } | undefined {
  const trips = (contender: string) => {
    const found = document.wire?.entries.find((one) => one.contender === contender);
    return (
      found && {
        life: found.setUp.roundTrips + found.call.roundTrips + found.teardown.roundTrips,
        call: found.call.roundTrips,
      }
    );
  };
  const [direct, exclusive] = [trips(DIRECT), trips(EXCLUSIVE)];
  const life = (contender: string) => samples.median({ scenario: 'life', level: 1, contender, figure: 'p50' });
  const call = ['flight', 'single']
    .map((scenario) => samples.median({ scenario, level: 1, contender: DIRECT, figure: 'p50' }))
    .find(Number.isFinite);
  const [lifeDirect, lifeExclusive] = [life(DIRECT), life(EXCLUSIVE)];
  if (!direct || !exclusive || call === undefined || Number.isNaN(lifeDirect + lifeExclusive)) return undefined;
  const ms = (value: number) => `${figure(value)} ms`;
  const sum =
    `A life (connect, call once, disconnect) is ${direct.life} round trips and ${ms(lifeDirect)} with Direct Reply-To, ` +
    `${exclusive.life} and ${ms(lifeExclusive)} with a queue per client; a call of a client that stays is ${direct.call} and ${ms(call)}.`;
  const rows = networks.map(([name, rtt]) => [
    name,
    rtt === 0 ? 'as measured' : `${rtt} ms`,
    ms(direct.life * rtt + lifeDirect),
    ms(exclusive.life * rtt + lifeExclusive),
    ms(direct.call * rtt + call),
  ]);
  return { sum, rows };
}

/** Versions in which a direct reply asks all nodes: from 3.12 until it was mended in 4.1's and 4.2's releases. */
const REGRESSION = /RabbitMQ (3\.(12|13)|4\.[01])\./;

/** Why it is so, where the reason is known; undefined where it is not, or there is nothing to explain. */
export function reasonFor({ document, finding }: Findings): string | undefined {
  if (finding('staying', DIRECT)?.verdict !== 'worse') return undefined;
  if (REGRESSION.test(document.broker))
    return (
      'Why it costs throughput here: from RabbitMQ 3.12 on each direct reply made a remote call to all nodes; mended in later releases of ' +
      '4.1 and in 4.2 (rabbitmq-server pull request 14507).'
    );
  const work = finding('work', DIRECT);
  return work?.verdict === 'within'
    ? `Not because it is more work: the broker takes about as many steps for a call (${told(work)}). A direct reply passes through the channels’ ` +
        'processes alone, one after the other; a queue is one process more, which works beside them. That this is the reason is supposed, not shown.'
    : undefined;
}
