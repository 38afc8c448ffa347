import { and, figure, range } from '../report/text-table.ts';
import type { Finding, Findings } from './findings.ts';

/** The answer, which the report gives first on a page and last on a terminal. */
export interface Answer {
  readonly question: string;
  /** A sentence each: what it is about, and what is said of it. */
  readonly parts: readonly { readonly about: string; readonly said: string }[];
  /** Question and parts, five lines at most. */
  readonly lines: readonly string[];
}

/** The answer to the document's question. */
export function answerOf(findings: Findings): Answer {
  const { document } = findings;
  const question =
    document.question === 'designs'
      ? `Should replies come by Direct Reply-To? ${document.broker}.`
      : `Which library? ${document.broker}, beside this project’s.`;
  const parts = document.question === 'designs' ? designParts(findings) : libraryParts(findings);
  return { question, parts, lines: [question, ...parts.map(({ about, said }) => `${about}: ${said}`)] };
}

/** This project's client with Direct Reply-To, and with what that is compared with. */
export const DIRECT = 'fib-worker direct';
export const EXCLUSIVE = 'fib-worker exclusive';
const PER_REQUEST = 'fib-worker per-request';

const yes: Record<Finding['verdict'], string> = {
  better: 'yes',
  worse: 'no',
  within: 'it makes no difference to speed',
  open: 'not settled by this run',
};

/** `2.10 × as good, 1.95 to 2.30`. */
export function told({ value, interval }: Pick<Finding, 'value' | 'interval'>): string {
  return `${figure(value)} × as good${interval ? `, ${range(interval)}` : ''}`;
}

function designParts(findings: Findings): Answer['parts'] {
  const life = findings.finding('life', DIRECT);
  const staying = findings.finding('staying', DIRECT);
  const work = (name: string) => {
    const found = findings.finding(name, DIRECT);
    return found ? `, ${figure(1 / found.value)} × the broker’s work` : '';
  };
  const held = heldDifference(findings);
  const perRequest = findings.finding('staying', PER_REQUEST);
  const lifePerRequest = findings.finding('life', PER_REQUEST);
  return [
    {
      about: 'Clients that come and go',
      said: life
        ? `${yes[life.verdict]}; a life of one call takes ${figure(1 / life.value)} × the time (${told(life)})${work('life-work')}.`
        : 'not measured.',
    },
    {
      about: 'Clients that stay',
      said: staying
        ? `${yes[staying.verdict]} (${told(staying)})${work('work')}${held === '' ? '' : `; ${held}`}.`
        : 'not measured.',
    },
    {
      about: 'A queue per request',
      said: perRequest
        ? `${perRequest.verdict === 'worse' ? 'no for clients that stay' : 'for clients that stay not settled by this run'} (${told(perRequest)})${lifePerRequest ? `; for one call a life ${told(lifePerRequest)}` : ''}.`
        : 'not measured.',
    },
    {
      about: 'Not',
      said: 'if a reply must outlive its caller’s connection: a direct reply has no queue to wait in.',
    },
  ];
}

/** `one queue and two Erlang processes fewer each`; empty where it is not told. */
export function heldDifference({ document, samples }: Findings): string {
  const levels = document.scenarios.find(({ name }) => name === 'clients')?.levels ?? [];
  const last = levels.findLast(({ level }) =>
    [DIRECT, EXCLUSIVE].every((contender) => samples.held({ scenario: 'clients', level, contender })),
  );
  if (!last) return '';
  const [direct = {}, exclusive = {}] = [DIRECT, EXCLUSIVE].map((contender) =>
    samples.held({ scenario: 'clients', level: last.level, contender }),
  );
  const fewer = (name: string) => Math.round(((exclusive[name] ?? 0) - (direct[name] ?? 0)) / last.level);
  const say = (count: number, one: string, many: string) =>
    count > 0 ? [count === 1 ? `one ${one}` : `${count === 2 ? 'two' : count} ${many}`] : [];
  const said = [
    ...say(fewer('queues'), 'queue', 'queues'),
    ...say(fewer('processes'), 'Erlang process', 'Erlang processes'),
  ];
  return said.length > 0 ? `${and(said)} fewer at the broker for each` : '';
}

function libraryParts(findings: Findings): Answer['parts'] {
  const peers = findings.document.contenders.filter(
    ({ name, baseline, design }) => baseline !== undefined && design !== undefined && name !== 'floor',
  );
  const asked = [
    ['prefetch-100', 'Many calls in flight, prefetch 100'],
    ['payload', 'Replies of 16 B to 1 MiB'],
    ['cpu', 'Processor time of both ends'],
  ] as const;
  const parts = asked.flatMap(([claim, about]) => {
    const said = peers.flatMap(({ name }) => {
      const found = findings.finding(claim, name);
      return found ? [`${name} ${told(found)}`] : [];
    });
    return said.length > 0 ? [{ about, said: `${said.join('; ')}.` }] : [];
  });
  const whole = (['start-client', 'memory'] as const).flatMap((claim) =>
    findings.findings
      .filter((one) => one.claim.name === claim && ['amqplib', 'floor'].includes(one.contender))
      .map((one) => `${one.claim.title}, ${one.contender} ${told(one)}`),
  );
  return whole.length > 0 ? [...parts, { about: 'Whole processes', said: `${whole.join('; ')}.` }] : parts;
}
