import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { Connection } from 'rabbitmq-client';
import { RpcError } from '../protocol/errors.ts';
import { explainConnectError } from './connect-errors.ts';
import { BrokerConnection, HEARTBEAT } from './connection.ts';
import type { AmqpUrl } from './url.ts';

/** How long one attempt to connect may take, in ms, login included. */
export const CONNECT_TIMEOUT = 10_000;

/** The largest frame asked for, in bytes: RabbitMQ's own default, so that a long body comes in few frames. */
const FRAME_MAX = 131_072;

/** setTimeout's longest delay: rabbitmq-client's own reconnecting never gets its turn. */
const NEVER = 2 ** 31 - 1;

/** What {@link connect} needs besides the URL. */
export interface ConnectOptions {
  /** For `amqps://`: the CA, a client certificate and so on, as `tls.connect` takes them. */
  readonly tls?: TlsOptions | undefined;
  /** Shown by the broker's management UI. */
  readonly connectionName?: string | undefined;
  /** Messages with a longer body come without it, and only `bodySize` tells its length, in bytes. Default: none. */
  readonly maxBodyBytes?: number | undefined;
  /** Limit for this attempt in ms. Default {@link CONNECT_TIMEOUT}. */
  readonly timeout?: number | undefined;
  /** Gives the attempt up; the promise rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Connects once.
 * @throws RpcError that says what is wrong and what to do; the signal's reason if it was aborted
 */
export function connect(url: AmqpUrl, options: ConnectOptions = {}): Promise<BrokerConnection> {
  const { signal } = options;
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const settings = {
      hostname: url.hostname,
      port: url.port,
      username: url.username,
      password: url.password,
      vhost: url.vhost,
      tls: url.tls ? (options.tls ?? {}) : false,
      heartbeat: url.heartbeat ?? HEARTBEAT,
      frameMax: FRAME_MAX,
      noDelay: true, // or Nagle's algorithm holds each request for up to 40 ms
      connectionTimeout: Math.max(1, options.timeout ?? CONNECT_TIMEOUT),
      retryLow: NEVER,
      retryHigh: NEVER,
      // these are from patches/rabbitmq-client: bodies stay Buffers, one that is too long is not even kept, and close() closes
      // the channels, too
      rawBody: true,
      closeChannels: true,
      maxBodyBytes: options.maxBodyBytes ?? Number.POSITIVE_INFINITY,
      ...(options.connectionName === undefined ? {} : { connectionName: options.connectionName }),
    };
    const connection = new Connection(settings);
    const onAbort = () => {
      connection.removeListener('error', onError);
      connection.on('error', () => {});
      connection.unsafeDestroy();
      reject(signal?.reason);
    };
    const onError = (error: Error) => {
      signal?.removeEventListener('abort', onAbort);
      connection.unsafeDestroy();
      reject(explainConnectError(error, url));
    };
    connection.once('error', onError);
    connection.once('connection', () => {
      signal?.removeEventListener('abort', onAbort);
      connection.removeListener('error', onError);
      resolve(new BrokerConnection(connection, url));
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/**
 * Tries the URLs in order, once each, and takes the first that answers.
 * @throws RpcError of the only one, or one that sums them up; the signal's reason if it was aborted
 */
export async function connectToAny(urls: readonly AmqpUrl[], options: ConnectOptions = {}): Promise<BrokerConnection> {
  const failures: RpcError[] = [];
  for (const url of urls) {
    try {
      return await connect(url, options);
    } catch (error) {
      if (options.signal?.aborted || !(error instanceof RpcError)) throw error;
      failures.push(error);
    }
  }
  const [first] = failures;
  if (!first) throw new TypeError('urls: expected at least one AMQP URL');
  if (failures.length === 1) throw first;
  // a broker that answered and refused says more than one that is not there
  const telling = failures.find((failure) => failure.reason !== 'NO_BROKER') ?? first;
  const message = failures.map((failure) => failure.message).join('; ');
  throw new RpcError(telling.code, message, {
    ...(telling.reason ? { reason: telling.reason } : {}),
    cause: new AggregateError(failures, message),
  });
}
