import { isIP } from 'node:net';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { RpcError } from '../protocol/errors.ts';
import { AmqpConnection } from './amqp-connection.ts';
import { explainConnectError } from './connect-errors.ts';
import { BrokerConnection, connectionLost, HEARTBEAT } from './connection.ts';
import type { AmqpUrl } from './url.ts';

/** How long one attempt to connect may take, in ms, login included. */
export const CONNECT_TIMEOUT = 10_000;

/** The largest frame asked for, in bytes: RabbitMQ's own default, so that a long body comes in few frames. */
const FRAME_MAX = 131_072;

/** The options of {@link connect}, besides the URL. */
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
      tls: url.tls && { ...serverName(url), ...options.tls },
      heartbeat: url.heartbeat ?? HEARTBEAT,
      frameMax: FRAME_MAX,
      connectionTimeout: Math.max(1, options.timeout ?? CONNECT_TIMEOUT),
      ...(options.connectionName === undefined ? {} : { connectionName: options.connectionName }),
    };
    const connection = new AmqpConnection(settings, options.maxBodyBytes ?? Number.POSITIVE_INFINITY);
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

/** The name by which TLS asks for the server's certificate, and by which a proxy before several brokers tells them apart: RFC 6066, 3, takes no addresses. */
function serverName({ hostname }: AmqpUrl): TlsOptions {
  return isIP(hostname) === 0 ? { servername: hostname } : {};
}

/** How long the next URL waits for an answer from the one before it, in ms: RFC 8305 allows 2 s at most, and a login over a slow line takes half a second. */
const HEAD_START = 1_000;

/**
 * Connects to one of several URLs, as often as it is asked to. An attempt that was started goes on while nobody waits for
 * it, and the next caller gets its result.
 */
export class Dialler {
  readonly #urls: readonly AmqpUrl[];
  readonly #options: Omit<ConnectOptions, 'signal'>;
  #answered: AmqpUrl | undefined;
  #race: Race | undefined;
  #waiting = false;
  #untaken = false;
  #closed = false;

  /** The options go for each attempt; `timeout` is that of one URL. */
  constructor(urls: readonly AmqpUrl[], options: Omit<ConnectOptions, 'signal'> = {}) {
    if (urls.length === 0) throw new TypeError('urls: expected at least one AMQP URL');
    this.#urls = urls;
    this.#options = options;
  }

  /** The last failure of the attempt under way: why no URL has answered yet. */
  get failure(): RpcError | undefined {
    return this.#race?.failures.at(-1);
  }

  /** Whether there is a connection that nobody has taken. */
  get idle(): boolean {
    return this.#untaken;
  }

  /**
   * A new connection, for the caller to own. Begins with the URL that answered last, else with the first; another is tried
   * beside it if it fails, or has not answered within {@link HEAD_START}. For one caller at a time.
   * @param signal gives up waiting, not the attempt
   * @throws RpcError of the only URL, or one that sums them up; the signal's reason if it was aborted
   */
  async connect(signal?: AbortSignal): Promise<BrokerConnection> {
    signal?.throwIfAborted();
    if (this.#closed) throw connectionLost();
    if (this.#waiting) throw new Error('this dialler is connecting for somebody else');
    this.#waiting = true;
    try {
      this.#race ??= this.#start();
      const connection = await unlessAborted(this.#race.winner, signal);
      this.#race = undefined;
      this.#untaken = false;
      return connection;
    } finally {
      this.#waiting = false;
    }
  }

  /** Gives up the attempts under way, and closes a connection that nobody took. Those who wait are told that there is none. */
  async close(): Promise<void> {
    this.#closed = true;
    const race = this.#race;
    this.#race = undefined;
    race?.giveUp(connectionLost());
    await race?.winner.then(
      (connection) => connection.close(),
      () => {},
    );
  }

  #start(): Race {
    const urls = this.#answered ? [this.#answered, ...this.#urls.filter((url) => url !== this.#answered)] : this.#urls;
    const race = startRace(urls, this.#options);
    const forget = () => {
      if (this.#race !== race) return;
      this.#race = undefined;
      this.#untaken = false;
    };
    race.winner.then((connection) => {
      this.#untaken = true;
      this.#answered = connection.url;
      connection.observer = { onLost: forget }; // until somebody takes it
    }, forget);
    return race;
  }
}

/** Attempts to connect to several URLs, of which the first to log in wins. */
interface Race {
  readonly winner: Promise<BrokerConnection>;
  /** The errors of the attempts that have failed so far. */
  readonly failures: readonly RpcError[];
  /** Ends all attempts that are under way; the winner rejects with the reason. */
  giveUp(reason: unknown): void;
}

function startRace(urls: readonly AmqpUrl[], options: Omit<ConnectOptions, 'signal'>): Race {
  const failures: RpcError[] = [];
  const over = new AbortController();
  const winner = new Promise<BrokerConnection>((resolve, reject) => {
    let started = 0;
    let timer: NodeJS.Timeout | undefined;
    const tryNext = () => {
      clearTimeout(timer);
      const url = urls[started];
      if (!url || over.signal.aborted) return;
      if (++started < urls.length) timer = setTimeout(tryNext, HEAD_START);
      connect(url, { ...options, signal: over.signal }).then(
        (connection) => {
          if (over.signal.aborted) return void connection.close(); // two at the same moment
          clearTimeout(timer);
          resolve(connection);
          over.abort();
        },
        (error) => {
          if (over.signal.aborted) return;
          if (error instanceof RpcError) failures.push(error);
          else over.abort(error);
          if (failures.length === urls.length) reject(summary(failures));
          else tryNext();
        },
      );
    };
    over.signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(over.signal.reason); // does nothing once there is a winner
    });
    tryNext();
  });
  return { winner, failures, giveUp: (reason) => over.abort(reason) };
}

/** One error for all that failed. */
function summary(failures: readonly RpcError[]): RpcError {
  const [first] = failures;
  if (first && failures.length === 1) return first;
  // a broker that answered and refused says more than one that is not there
  const telling = failures.find((failure) => failure.reason !== 'NO_BROKER') ?? first;
  const message = failures.map((failure) => failure.message).join('; ');
  return new RpcError(telling?.code ?? 'UNAVAILABLE', message, {
    ...(telling?.reason ? { reason: telling.reason } : {}),
    cause: new AggregateError(failures, message),
  });
}

/** Gives the promise's value, or throws the signal's reason if that is aborted first. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
