import type { PrivateBroker, RabbitVersion } from '../../src/broker/broker.ts';
import { startPrivateBroker } from '../../src/broker/private.ts';

/** The URL of the broker that this run of the tests uses; a test does that broker no harm. */
export function amqpUrl(): string {
  const { AMQP_URL: url } = process.env;
  if (!url)
    throw new Error('no AMQP_URL: `npm test` starts a RabbitMQ for the tests and names it; by hand, set AMQP_URL');
  return url;
}

/** A RabbitMQ for one test to harm, of the version that the run of the tests was asked for. To be disposed of. */
export function startTestBroker(
  options: { plugins?: readonly string[]; config?: readonly string[]; metrics?: boolean } = {},
): Promise<PrivateBroker> {
  const version = process.env.FIB_WORKER_TEST_RABBITMQ as RabbitVersion | undefined;
  return startPrivateBroker({ ...options, version, say: (line) => console.error(line) });
}
