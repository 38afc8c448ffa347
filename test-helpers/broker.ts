import type { PrivateBroker } from '../src/rabbitmq/broker.ts';
import { startTestBroker } from './own-broker.ts';
import { ofThisRun } from './run.ts';

const named = process.env.AMQP_URL;
// a program that a test starts with our environment uses the same
process.env.AMQP_URL ||= await ofThisRun('broker');
const { AMQP_URL: url } = process.env;

/** The URL of the broker that this run of the tests uses; a test does that broker no harm. AMQP_URL, if set, names another. */
export function amqpUrl(): string {
  return url as string;
}

type AdministeredBroker = Pick<PrivateBroker, 'url' | 'ctl' | typeof Symbol.asyncDispose>;

/**
 * A broker to which a test file may add users, virtual hosts and listeners of its own, and which it does no harm: that of this
 * run, or, where AMQP_URL names one, a node of the file's own. To be disposed of.
 */
export async function administeredBroker(): Promise<AdministeredBroker> {
  if (named) return startTestBroker();
  return {
    url: amqpUrl(),
    ctl: (...args) => ofThisRun('rabbitmqctl', ...args),
    async [Symbol.asyncDispose]() {}, // it ends with the run
  };
}
