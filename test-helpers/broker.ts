import { ofThisRun } from './run.ts';

// a program that a test starts with our environment uses the same
process.env.AMQP_URL ||= await ofThisRun('broker');
const { AMQP_URL: url } = process.env;

/** The URL of the broker that this run of the tests uses; a test does that broker no harm. AMQP_URL, if set, names another. */
export function amqpUrl(): string {
  return url as string;
}
