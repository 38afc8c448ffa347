import type { ClientEvent } from '../../client/client.ts';

/** Describes an event of a client in words, for `--verbose`. */
export function describeEvent(event: ClientEvent): string {
  switch (event.type) {
    case 'connected':
      return `connected to ${event.url}`;
    case 'disconnected':
    case 'retry':
      return `${event.type}: ${event.error.message}`;
    case 'blocked':
      return `RabbitMQ blocks publishers: ${event.reason}`;
    case 'unblocked':
      return 'RabbitMQ takes requests again';
    case 'started':
      return 'a worker handles the call, and stops if it is given up';
    case 'discarded':
      return `a reply was discarded: ${event.reason}`;
  }
}
