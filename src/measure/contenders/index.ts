import { fibWorker } from './fib-worker.ts';
import { floor } from './floor/floor.ts';
import type { Implementation } from './implementation.ts';
import { amqpClient } from './peers/amqp-client.ts';
import { amqplib } from './peers/amqplib.ts';
import { rabbitmqClient } from './peers/rabbitmq-client.ts';

/** Clients and workers of other projects, for scale. */
export const peers = {
  'rabbitmq-client': rabbitmqClient,
  amqplib,
  'amqp-client': amqpClient,
} as const satisfies Record<string, Implementation>;

/** Everything that can be measured, by name. */
export const implementations = {
  'fib-worker': fibWorker,
  floor,
  ...peers,
} as const satisfies Record<string, Implementation>;

/** The name of an implementation. */
export type ImplementationName = keyof typeof implementations;
