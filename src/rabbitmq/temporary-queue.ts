import { randomBytes } from 'node:crypto';
import type { BrokerConnection } from '../amqp/connection.ts';
import { connect } from '../amqp/dial.ts';
import type { QueueType } from '../amqp/queues.ts';
import { parseAmqpUrl } from '../amqp/url.ts';
import type { Broker, Say } from './broker.ts';

/** How long a queue that we could not delete stays, in ms, once nobody uses it. */
const EXPIRES = 60_000;

/** A queue of a name that nobody else has. Disposing of it deletes it. */
export interface TemporaryQueue extends AsyncDisposable {
  readonly name: string;
}

/**
 * Declares a durable queue `PREFIX.RANDOM`. It expires by itself (`x-expires`, 60 s without a consumer), so that nothing
 * is left behind on a broker that is not ours, even if we are killed.
 *
 * @param options.type default: the virtual host's
 * @param options.say told if the queue can't be deleted in the end, and what becomes of it
 * @throws RpcError if the broker can't be reached; the broker's own error if it refuses
 */
export async function temporaryQueue(
  broker: Broker,
  prefix: string,
  options: { readonly type?: QueueType; readonly say: Say; readonly signal?: AbortSignal | undefined },
): Promise<TemporaryQueue> {
  const { type, say, signal } = options;
  const name = `${prefix}.${randomBytes(6).toString('hex')}`;
  const url = parseAmqpUrl(broker.url);
  const { tls } = broker;
  await briefly(await connect(url, { tls, connectionName: prefix, signal }), async (connection) => {
    const channel = await connection.openChannel();
    const declared = { 'x-expires': EXPIRES, ...(type && { 'x-queue-type': type }) };
    await channel.queueDeclare({ queue: name, durable: true, arguments: declared });
  });
  return {
    name,
    async [Symbol.asyncDispose]() {
      try {
        await briefly(await connect(url, { tls, connectionName: prefix }), async (connection) => {
          const channel = await connection.openChannel();
          await channel.queueDelete({ queue: name });
        });
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        say(`queue ${name} could not be deleted (${why}); the broker deletes it after ${EXPIRES / 1000} s without use`);
      }
    },
  };
}

async function briefly(connection: BrokerConnection, use: (connection: BrokerConnection) => Promise<void>) {
  try {
    await use(connection);
  } finally {
    await connection.close();
  }
}
