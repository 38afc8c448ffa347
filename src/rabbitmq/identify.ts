import { connect } from '../amqp/dial.ts';
import type { AmqpUrl } from '../amqp/url.ts';
import { harmless } from '../protocol/text.ts';

/** A broker's account of itself; empty texts where it does not say. */
export interface ServerIdentity {
  /** As in `RabbitMQ`. */
  readonly product: string;
  /** As in `4.0.5`. */
  readonly version: string;
  /** Its platform, as in `Erlang/OTP 27.3`. */
  readonly platform: string;
}

/**
 * Logs in at a broker and disconnects again: to know that it is one and will have us, and which it is.
 *
 * @param options.timeout for all of it, in ms; default 5,000
 * @param options.ca for `amqps:`; default Node's own list
 * @throws RpcError that says what to do; the signal's reason if it was aborted
 */
export async function identify(
  url: AmqpUrl,
  { timeout = 5_000, ca, signal }: { timeout?: number; ca?: Buffer | undefined; signal?: AbortSignal | undefined } = {},
): Promise<ServerIdentity> {
  const connection = await connect(url, { timeout, tls: ca && { ca }, connectionName: 'fib-worker', signal });
  const said = connection.serverProperties;
  await connection.close();
  const text = (name: string) => {
    const value = said[name];
    return typeof value === 'string' ? harmless(value, 100) : '';
  };
  return { product: text('product'), version: text('version'), platform: text('platform') };
}
