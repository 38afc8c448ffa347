/** Tells a human, one line at a time, what is going on. */
export type Say = (line: string) => void;

/** A RabbitMQ that answered an AMQP handshake. Disposing of it stops it if we started it, and else does nothing. */
export interface Broker extends AsyncDisposable {
  /** An AMQP URL; it may hold a password. Without a user it means guest:guest. */
  readonly url: string;
  /** One URL for each node that we know of and that answered, `url` among them: for connections that are to sit on different nodes of a cluster. */
  readonly urls: readonly string[];
  /** The Prometheus endpoint of each node, where we know of them: on a node of our own that was asked for `metrics`. */
  readonly metricsUrls?: readonly string[] | undefined;
  /** For an `amqps:` URL: the CA to trust. */
  readonly tls?: { readonly ca: Buffer } | undefined;
  /** The same nodes by `amqps:`, in the same order, and the CA to trust: of our own that were asked for `tls`. */
  readonly overTls?: { readonly urls: readonly string[]; readonly ca: Buffer } | undefined;
  /** For humans: which broker this is and where it came from; holds no password. */
  readonly description: string;
  /** Whether we started it. On a broker that we did not start, use queues of our own names and leave nothing behind. */
  readonly owned: boolean;
  /** The broker's version, as it says, such as `4.0.5`; empty if it does not say. */
  readonly version: string;
}

/** A RabbitMQ of our own, which a test may harm. Disposing of it leaves no process and no folder. */
export interface PrivateBroker extends Broker {
  readonly owned: true;
  /** Runs `rabbitmqctl` with these arguments and gives its standard output; rejects with what it complained of. */
  ctl(...args: string[]): Promise<string>;
  /** Stops the node cleanly (about 1 s, killed after 10 s); its ports and data stay for `start()`. */
  stop(): Promise<void>;
  /** Kills the node with SIGKILL. */
  kill(): Promise<void>;
  /** Starts a node that was stopped or killed, on the same ports and data. */
  start(): Promise<void>;
}

/** The RabbitMQ versions that can be asked for by name: those of the Debian suites that carry them. */
export const suites = { '3.10': 'bookworm', '4.0': 'trixie', '4.3': 'forky' } as const;

/** A version that Debian's packages have. */
export type RabbitVersion = keyof typeof suites;

/** How a private node is to be. */
export interface PrivateBrokerOptions {
  readonly say: Say;
  /** Gives up waiting, and cleans up. */
  readonly signal?: AbortSignal | undefined;
  /** As in `4.3`: one that {@link suites} knows, or in Docker any that has an image. Default: the installed one, or else one that can be had. */
  readonly version?: string | undefined;
  /** Plugins to enable, such as `rabbitmq_management`. Default: none. */
  readonly plugins?: readonly string[] | undefined;
  /** More lines for `rabbitmq.conf`. Default: none. */
  readonly config?: readonly string[] | undefined;
  /**
   * Whether to have a Prometheus endpoint, for `openMetrics`. Default: no. The node then keeps statistics of each
   * connection, channel and queue, though not of each message, as it would by the plugin's own default.
   */
  readonly metrics?: boolean | undefined;
  /** Whether to listen by TLS as well, with a certificate of our own. Default: no. Nodes in Docker don't. */
  readonly tls?: boolean | undefined;
}
