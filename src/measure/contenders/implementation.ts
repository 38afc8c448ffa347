import type { ConnectionOptions as TlsOptions } from 'node:tls';

/** The ways to get a reply that are compared, as the tables list them. */
export const designs = ['per-request', 'exclusive', 'direct'] as const;

/** A queue per request, a queue per client (the tutorial's), or Direct Reply-To. */
export type Design = (typeof designs)[number];

/** The design that the others are compared with: the tutorial's. */
export const BASELINE = 'exclusive' satisfies Design;

/** The broker and the queue that requests go to. */
export interface Target {
  /** An AMQP URL; without a user it means guest:guest. */
  readonly url: string;
  /** For `amqps://`. */
  readonly tls: TlsOptions | undefined;
  /** The request queue. It exists, and who serves it or calls it takes it as it is. */
  readonly queue: string;
}

/** Limits that a caller keeps to, where it has such. */
export interface CallerLimits {
  /** Calls in flight; the others wait. Default: none. */
  readonly inFlight: number;
  /** Time limit of a call, in ms. Default {@link CALL_TIMEOUT}. */
  readonly timeout: number;
}

/** A client that a workload drives, with one connection of its own. */
export interface Caller {
  /**
   * Sends a request and resolves to the reply's body. The first call connects and sets up what the design needs; calls
   * may overlap, the first ones too.
   * @throws (rejects) after {@link CALL_TIMEOUT} without a reply with a {@link CallTimeout}; when the broker refuses or
   * the connection is lost, with an Error that says why; with the signal's reason once it is aborted
   */
  call(request: string, signal?: AbortSignal): Promise<Uint8Array>;
  /** Replies so far that nobody waited for. */
  discarded(): number;
  /** Disconnects in order, all that the design has to tidy up included. May be called again, and before any call. */
  close(): Promise<void>;
}

/** A worker that answers the requests of one queue, in a process of its own. */
export interface Server {
  /** Stops consuming, answers what it has in hand, and disconnects. */
  close(): Promise<void>;
}

/** A client and a worker that belong together: this project's, the floor, a peer's. */
export interface Implementation {
  /** Its name in tables; also the value of options. */
  readonly name: string;
  /** For the conditions: which client and which worker, with versions. */
  readonly detail: string;
  /** The designs that it has, in the order of {@link designs}. */
  readonly designs: readonly Design[];
  /** Makes a caller; nothing is connected yet. */
  open(design: Design, target: Target, limits?: CallerLimits): Caller;
  /**
   * Consumes the queue with at most `prefetch` requests in hand, and answers each as `answer` says, reply first, then ack.
   * Resolves when it consumes.
   * @param onEnd called with the reason if it ends before `close()`
   */
  serve(
    target: Target,
    options: {
      readonly prefetch: number;
      readonly answer: (request: Uint8Array) => Buffer;
      readonly onEnd: (error: Error) => void;
    },
  ): Promise<Server>;
}

/**
 * How long a call may take, connecting included, in ms: long enough to be no part of any figure on a broker that works.
 * Just below 10 s, so that what is left of it, which goes over the wire in decimal, always has four digits.
 */
export const CALL_TIMEOUT = 9_999;

/** A call got no reply in time. */
export class CallTimeout extends Error {
  constructor() {
    super(`no reply within ${CALL_TIMEOUT} ms`);
  }
}
