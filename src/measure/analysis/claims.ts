import type { FigureName, MeasureDocument } from '../document/document.ts';
import type { Cell } from './ratios.ts';

/** A claim, which the answer rests on: one figure, of cells that belong together. */
export interface Claim {
  readonly name: string;
  /** As in the chart: a phrase. */
  readonly title: string;
  readonly cells: readonly Omit<Cell, 'contender'>[];
}

interface Part {
  readonly scenario: string;
  readonly figure: FigureName;
  readonly levels?: (level: number) => boolean;
}

const staying: readonly Part[] = [
  { scenario: 'flight', figure: 'rate' },
  { scenario: 'payload', figure: 'rate' },
];
const only = (wanted: number) => (level: number) => level === wanted;
const many = (level: number) => level > 1;

const claims: Record<MeasureDocument['question'], readonly { name: string; title: string; parts: readonly Part[] }[]> =
  {
    designs: [
      { name: 'life', title: 'a life of 1 call', parts: [{ scenario: 'life', figure: 'p50', levels: only(1) }] },
      { name: 'reply', title: '… until its reply', parts: [{ scenario: 'life', figure: 'reply', levels: only(1) }] },
      { name: 'life-10', title: 'a life of 10 calls', parts: [{ scenario: 'life', figure: 'p50', levels: only(10) }] },
      {
        name: 'life-100',
        title: 'a life of 100 calls',
        parts: [{ scenario: 'life', figure: 'p50', levels: only(100) }],
      },
      {
        name: 'life-tls',
        title: 'a life of 1 call by TLS',
        parts: [{ scenario: 'tls', figure: 'p50', levels: only(1) }],
      },
      {
        name: 'set-up',
        title: 'set-up of many clients',
        parts: [{ scenario: 'clients', figure: 'setUp', levels: (level) => level <= 100 }],
      },
      {
        name: 'single',
        title: 'one call at a time',
        parts: [
          { scenario: 'single', figure: 'p50' },
          { scenario: 'flight', figure: 'rate', levels: only(1) },
        ],
      },
      { name: 'flight', title: 'many calls in flight', parts: [{ scenario: 'flight', figure: 'rate', levels: many }] },
      { name: 'payload', title: 'replies of 16 B to 1 MiB', parts: [{ scenario: 'payload', figure: 'rate' }] },
      { name: 'staying', title: 'staying, in all', parts: staying },
      {
        name: 'life-work',
        title: 'broker work, a life',
        parts: [{ scenario: 'life', figure: 'work', levels: only(1) }],
      },
      {
        name: 'work',
        title: 'broker work, staying',
        parts: [
          { scenario: 'flight', figure: 'work' },
          { scenario: 'payload', figure: 'work' },
        ],
      },
    ],
    implementations: [
      {
        name: 'single',
        title: 'one call at a time',
        parts: [
          { scenario: 'prefetch-1', figure: 'rate', levels: only(1) },
          { scenario: 'prefetch-100', figure: 'rate', levels: only(1) },
          { scenario: 'calls', figure: 'rate', levels: (row) => row < 2 }, // npm run bench, as it was
        ],
      },
      {
        name: 'prefetch-1',
        title: 'many in flight, prefetch 1',
        parts: [{ scenario: 'prefetch-1', figure: 'rate', levels: many }],
      },
      {
        name: 'prefetch-100',
        title: 'many in flight, prefetch 100',
        parts: [{ scenario: 'prefetch-100', figure: 'rate', levels: many }],
      },
      { name: 'payload', title: 'replies of 16 B to 1 MiB', parts: [{ scenario: 'payload', figure: 'rate' }] },
      {
        name: 'cpu',
        title: 'processor time of both ends',
        parts: ['prefetch-1', 'prefetch-100', 'payload', 'calls'].map((scenario) => ({
          scenario,
          figure: 'cpu' as const,
        })),
      },
      {
        name: 'start-client',
        title: 'a client, from exec to exit',
        parts: [
          { scenario: 'start-client', figure: 'time' },
          { scenario: 'start', figure: 'time', levels: only(0) },
        ],
      },
      {
        name: 'start-worker',
        title: 'a worker, from exec to consuming',
        parts: [
          { scenario: 'start-worker', figure: 'time' },
          { scenario: 'start', figure: 'time', levels: only(1) },
        ],
      },
      {
        name: 'memory',
        title: 'memory of an idle worker',
        parts: [
          { scenario: 'start-worker', figure: 'rss' },
          { scenario: 'memory', figure: 'rss', levels: only(0) },
        ],
      },
      {
        name: 'waiting',
        title: 'memory of a call that waits',
        parts: [
          { scenario: 'waiting', figure: 'waiting' },
          { scenario: 'memory', figure: 'waiting', levels: only(1) },
        ],
      },
    ],
  };

/** The claims that the answer to a document's question rests on, as far as they were measured. */
export function claimsOf({ question, scenarios }: Pick<MeasureDocument, 'question' | 'scenarios'>): Claim[] {
  return claims[question].flatMap(({ name, title, parts }) => {
    const cells = parts.flatMap(({ scenario, figure, levels = () => true }) =>
      (scenarios.find((one) => one.name === scenario)?.levels ?? [])
        .filter(({ level }) => levels(level))
        .map(({ level }) => ({ scenario, level, figure })),
    );
    return cells.length > 0 ? [{ name, title, cells }] : [];
  });
}
