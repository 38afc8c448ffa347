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

const only = (wanted: number) => (level: number) => level === wanted;
const many = (level: number) => level > 1;

/** Name, title, and the parts. */
type Known = readonly [name: string, title: string, ...parts: readonly Part[]];

const designs: readonly Known[] = [
  ['life', 'a life of 1 call', { scenario: 'life', figure: 'p50', levels: only(1) }],
  ['reply', '… until its reply', { scenario: 'life', figure: 'reply', levels: only(1) }],
  ['life-10', 'a life of 10 calls', { scenario: 'life', figure: 'p50', levels: only(10) }],
  ['life-100', 'a life of 100 calls', { scenario: 'life', figure: 'p50', levels: only(100) }],
  ['life-tls', 'a life of 1 call by TLS', { scenario: 'tls', figure: 'p50', levels: only(1) }],
  ['set-up', 'set-up of many clients', { scenario: 'clients', figure: 'setUp', levels: (level) => level <= 100 }],
  [
    'single',
    'one call at a time',
    { scenario: 'single', figure: 'p50' },
    { scenario: 'flight', figure: 'rate', levels: only(1) },
  ],
  ['flight', 'many calls in flight', { scenario: 'flight', figure: 'rate', levels: many }],
  ['payload', 'replies of 16 B to 1 MiB', { scenario: 'payload', figure: 'rate' }],
  ['staying', 'staying, in all', { scenario: 'flight', figure: 'rate' }, { scenario: 'payload', figure: 'rate' }],
  ['life-work', 'broker work, a life', { scenario: 'life', figure: 'work', levels: only(1) }],
  ['work', 'broker work, staying', { scenario: 'flight', figure: 'work' }, { scenario: 'payload', figure: 'work' }],
];

// the scenarios `calls`, `start` and `memory` are those of npm run bench, as it was
const implementations: readonly Known[] = [
  [
    'single',
    'one call at a time',
    { scenario: 'prefetch-1', figure: 'rate', levels: only(1) },
    { scenario: 'prefetch-100', figure: 'rate', levels: only(1) },
    { scenario: 'calls', figure: 'rate', levels: (row) => row < 2 },
  ],
  ['prefetch-1', 'many in flight, prefetch 1', { scenario: 'prefetch-1', figure: 'rate', levels: many }],
  ['prefetch-100', 'many in flight, prefetch 100', { scenario: 'prefetch-100', figure: 'rate', levels: many }],
  ['payload', 'replies of 16 B to 1 MiB', { scenario: 'payload', figure: 'rate' }],
  [
    'cpu',
    'processor time of both ends',
    ...['prefetch-1', 'prefetch-100', 'payload', 'calls'].map((scenario): Part => ({ scenario, figure: 'cpu' })),
  ],
  ['start-client', 'a client, from exec to exit', ...wholeProgram('start-client', 0)],
  ['start-worker', 'a worker, from exec to consuming', ...wholeProgram('start-worker', 1)],
  [
    'memory',
    'memory of an idle worker',
    { scenario: 'start-worker', figure: 'rss' },
    { scenario: 'memory', figure: 'rss', levels: only(0) },
  ],
  [
    'waiting',
    'memory of a call that waits',
    { scenario: 'waiting', figure: 'waiting' },
    { scenario: 'memory', figure: 'waiting', levels: only(1) },
  ],
];

const claims = { designs, implementations } as const;

function wholeProgram(scenario: string, row: number): readonly Part[] {
  return [
    { scenario, figure: 'time' },
    { scenario: 'start', figure: 'time', levels: only(row) },
  ];
}

/** The claims that the answer to a document's question rests on, as far as they were measured. */
export function claimsOf({ question, scenarios }: Pick<MeasureDocument, 'question' | 'scenarios'>): Claim[] {
  return claims[question].flatMap(([name, title, ...parts]) => {
    const cells = parts.flatMap(({ scenario, figure, levels = () => true }) =>
      (scenarios.find((one) => one.name === scenario)?.levels ?? [])
        .filter(({ level }) => levels(level))
        .map(({ level }) => ({ scenario, level, figure })),
    );
    return cells.length > 0 ? [{ name, title, cells }] : [];
  });
}
