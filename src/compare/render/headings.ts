import type { brokerFigures } from '../broker-cost.ts';

/** What a broker's figures are called in tables. */
export const brokerHeadings: Readonly<Record<(typeof brokerFigures)[number], string>> = {
  connections: 'connections',
  channels: 'channels',
  queues: 'queues',
  processes: 'Erlang processes',
  memory: 'memory, MB',
  connectionsOpened: 'connections opened per call',
  queuesDeclared: 'queues declared per call',
  queuesDeleted: 'queues deleted per call',
};
