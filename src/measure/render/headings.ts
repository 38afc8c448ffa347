import type { brokerFigures } from '../broker-cost.ts';
import type { FigureName } from '../document.ts';
import type { Place } from '../ratios.ts';

/** What a figure is called over charts. */
export const figureHeadings: Readonly<Record<FigureName, string>> = {
  rate: 'Calls per second',
  p50: 'Median time (p50)',
  p90: '90th percentile (p90)',
  p99: '99th percentile (p99)',
  setUp: 'Set-up time',
  recovery: 'Recovery time',
  peakMemory: 'Peak memory',
};

/** What a broker's figures are called in tables. */
export const brokerHeadings: Readonly<Record<(typeof brokerFigures)[number], string>> = {
  connections: 'connections',
  channels: 'channels',
  queues: 'queues',
  processes: 'Erlang processes',
  memory: 'process memory, MB',
  connectionsOpened: 'connections opened per call',
  queuesDeclared: 'queues declared per call',
  queuesDeleted: 'queues deleted per call',
};

/** The phases of a client's life on the wire. */
export const phases = [
  ['setUp', 'set-up'],
  ['call', 'a call'],
  ['teardown', 'teardown'],
] as const;

/** Where one stands beside another, in words. */
export const placeWords: Readonly<Record<Place, string>> = {
  better: 'better',
  worse: 'worse',
  unclear: 'no difference shown',
  untold: 'no interval: too few rounds',
};
