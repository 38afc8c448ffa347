import { UsageError } from './usage-error.ts';

/** What says which broker a measuring program takes. */
interface BrokerChoice {
  /** Of `--url`, or of AMQP_URL. */
  readonly url: readonly string[] | undefined;
  readonly rabbitmq?: string | undefined;
  readonly nodes?: number | undefined;
}

/**
 * The environment by which a broker is found: `--url` goes before the variables.
 * @throws UsageError if a broker is named although one of our own is asked for
 */
export function brokerEnv({ url, rabbitmq, nodes }: BrokerChoice, env = process.env): NodeJS.ProcessEnv {
  const named = url !== undefined || Boolean(env.AMQP_URL_FILE);
  if (named && (rabbitmq !== undefined || nodes !== undefined)) {
    const own = rabbitmq === undefined ? '--nodes' : '--rabbitmq';
    throw new UsageError(`${own} starts a broker of our own: leave it away, or --url, AMQP_URL and AMQP_URL_FILE`);
  }
  const isFlag = url !== undefined && url.join(',') !== env.AMQP_URL;
  return isFlag ? { ...env, AMQP_URL: url.join(','), AMQP_URL_FILE: '' } : env;
}
