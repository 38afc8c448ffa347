/** What is wrong with a reply address. */
export type ReplyAddressFault =
  /** The request has no `reply_to`: nobody can be answered. */
  | 'missing-reply-to'
  /** Direct Reply-To by its name, but not an address that a broker hands out. */
  | 'malformed-reply-to'
  /** A queue that this worker may not write to, its own request queue above all. */
  | 'refused-reply-to';

/** What a worker may do with a request's `reply_to`. */
export type ReplyAddress = RightReplyAddress | { readonly ok: false; readonly fault: ReplyAddressFault };

/** Where a reply may go. */
export interface RightReplyAddress {
  readonly ok: true;
  /** The reply's routing key. */
  readonly address: string;
  /** Whether it is of Direct Reply-To. */
  readonly direct: boolean;
}

/** Which reply addresses a worker writes to. */
export interface ReplyAddressPolicy {
  /** The queues that the worker consumes: never reply addresses, or a reply would be its next request. */
  readonly requestQueues: ReadonlySet<string>;
  /** Names of reply queues, `*` for any characters. */
  readonly allowed: readonly RegExp[];
}

const DIRECT_PREFIX = 'amq.rabbitmq.reply-to';
// amq.rabbitmq.reply-to.<base64 of an Erlang pid>.<base64 of a 16-byte key>, as rabbit_direct_reply_to.erl makes it
const DIRECT_ADDRESS = /^amq\.rabbitmq\.reply-to\.([A-Za-z0-9+/]{20,}={0,2})\.[A-Za-z0-9+/]{22}==$/;
// the Erlang external term format: version, NEW_PID_EXT or PID_EXT, then the node's name as an atom
const TERM_VERSION = 131;
const PID_TAGS = [88, 103];
const SHORT_ATOM_TAGS = [115, 119];
const LONG_ATOM_TAGS = [100, 118];

/** Turns a pattern such as `replies.*` into the expression that {@link ReplyAddressPolicy.allowed} takes. */
export function replyAddressPattern(pattern: string): RegExp {
  return new RegExp(`^${pattern.replace(/[\\^$.+?()[\]{}|]/g, '\\$&').replaceAll('*', '.*')}$`, 's');
}

/** The queues that a broker names itself (`queue.declare` with an empty name): a tutorial client's reply queue. */
export const SERVER_NAMED_QUEUES = 'amq.gen-*';

/** How many addresses are remembered: of so many callers at a time most ask again. */
const REMEMBERED = 1_000;

/** Judges reply addresses by {@link checkReplyAddress}, and remembers those that are right. */
export class ReplyAddresses {
  readonly #policy: ReplyAddressPolicy;
  readonly #right = new Map<string, ReplyAddress>();

  constructor(policy: ReplyAddressPolicy) {
    this.#policy = policy;
  }

  check(replyTo: string | undefined): ReplyAddress {
    const known = replyTo === undefined ? undefined : this.#right.get(replyTo);
    if (known) return known;
    const address = checkReplyAddress(replyTo, this.#policy);
    if (replyTo === undefined || !address.ok) return address;
    if (this.#right.size >= REMEMBERED) this.#right.clear();
    this.#right.set(replyTo, address);
    return address;
  }
}

/**
 * Judges a request's `reply_to`. A worker's right to write to the default exchange would let the sender of a request
 * name any queue in the virtual host, and RabbitMQ 3.10 closes the *connection* of whoever publishes to a malformed
 * direct address (541 INTERNAL_ERROR).
 * @param replyTo the property octet for octet (latin1), or undefined
 */
export function checkReplyAddress(replyTo: string | undefined, policy: ReplyAddressPolicy): ReplyAddress {
  if (replyTo === undefined || replyTo === '') return { ok: false, fault: 'missing-reply-to' };
  if (replyTo.startsWith(DIRECT_PREFIX)) {
    return isDirectReplyAddress(replyTo)
      ? { ok: true, address: replyTo, direct: true }
      : { ok: false, fault: 'malformed-reply-to' };
  }
  const address = Buffer.from(replyTo, 'latin1').toString(); // a routing key goes out as UTF-8
  // no UTF-8: it would be written to another queue than the one that was named
  const named = Buffer.from(address).equals(Buffer.from(replyTo, 'latin1'));
  if (!named || policy.requestQueues.has(address) || !policy.allowed.some((pattern) => pattern.test(address))) {
    return { ok: false, fault: 'refused-reply-to' };
  }
  return { ok: true, address, direct: false };
}

function isDirectReplyAddress(replyTo: string): boolean {
  const encodedPid = DIRECT_ADDRESS.exec(replyTo)?.[1];
  if (encodedPid === undefined || encodedPid.length % 4 !== 0) return false;
  const pid = Buffer.from(encodedPid, 'base64');
  if (pid[0] !== TERM_VERSION || !PID_TAGS.includes(pid[1] ?? 0)) return false;
  const atomTag = pid[2] ?? 0;
  const atomLength = LONG_ATOM_TAGS.includes(atomTag)
    ? pid.readUInt16BE(3) + 2
    : SHORT_ATOM_TAGS.includes(atomTag)
      ? (pid[3] ?? 0) + 1
      : undefined;
  const creationLength = pid[1] === 88 ? 4 : 1;
  return atomLength !== undefined && pid.length === 3 + atomLength + 8 + creationLength;
}
