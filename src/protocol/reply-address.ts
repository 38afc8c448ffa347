/** A fault of a reply address. */
export type ReplyAddressFault =
  /** The request has no `reply_to`: nobody can be answered. */
  | 'missing-reply-to'
  /** Direct Reply-To by its name, but not an address that a broker hands out. */
  | 'malformed-reply-to'
  /** A queue that this worker may not write to, its own request queue above all. */
  | 'refused-reply-to';

/** The verdict on a request's `reply_to`. */
export type ReplyAddress = RightReplyAddress | { readonly ok: false; readonly fault: ReplyAddressFault };

/** An address that a reply may go to. */
export interface RightReplyAddress {
  readonly ok: true;
  /** The reply's routing key. */
  readonly address: string;
  /** Whether it is of Direct Reply-To. */
  readonly direct: boolean;
}

/** The reply addresses that a worker writes to. */
export interface ReplyAddressPolicy {
  /** The queues that the worker consumes: never reply addresses, or a reply would be its next request. */
  readonly requestQueues: ReadonlySet<string>;
  /** Names of reply queues besides those that nobody can guess, see {@link isUnguessable}. */
  readonly allowed: readonly RegExp[];
}

/**
 * The pseudo-queue of Direct Reply-To. In a message's `reply_to` the broker puts the address of the channel in its place, which
 * must have a consumer of it by then.
 * @see https://www.rabbitmq.com/docs/direct-reply-to
 */
export const DIRECT_REPLY_TO = 'amq.rabbitmq.reply-to';
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

/**
 * Names that the broker makes: of queues that are declared without one, as a tutorial client's reply queue is, and of dynamic
 * queues of AMQP 1.0. Nobody else may declare a queue whose name begins with `amq.`
 */
const SERVER_NAMED = /^amq\.(?:gen|dyn)-./s;

/**
 * The beginnings, before the random part, of the names that libraries make: aio-pika, aioamqp, rascal, EasyNetQ, php-thesis;
 * kombu and others have none.
 */
const LIBRARY_PREFIX = '(?:amq_(?:0x)?|aioamqp\\.gen-|replies:|easynetq\\.response\\.|thesis\\.rpc\\.)?';
const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
const NAMED_BY_UUID = new RegExp(`^${LIBRARY_PREFIX}(${UUID})$`, 'i');
/** Without a letter it may be a time, or a number that counts. */
const NAMED_BY_HEX = new RegExp(`^${LIBRARY_PREFIX}((?=\\d*[a-f])[0-9a-f]{16,128})$`, 'i');
/** 16 octets in base64url, as Spring and RabbitMQ's libraries for AMQP 1.0 write them; a word in small letters is none. */
const NAMED_BY_BASE64 = /^(?:[\w.:-]*[.:_-])?gen-((?=.*[A-Z0-9])[\w-]{22})$/;

/** The fewest different digits of a random number; the nil UUID, say, has one. */
const MIN_DIFFERENT = 6;

/**
 * Whether nobody can guess a queue's name: at least 64 random bits are in it, in one of the forms in which brokers and libraries
 * write them. The worker writes to any queue that a request names, with its own rights; what must not happen is that a sender
 * who may not write to somebody's *known* queue has the worker do it. Who knows such a name was told it by its owner.
 */
export function isUnguessable(name: string): boolean {
  if (SERVER_NAMED.test(name)) return true;
  const random = [NAMED_BY_UUID, NAMED_BY_HEX, NAMED_BY_BASE64].map((form) => form.exec(name)?.[1]).find(Boolean);
  return random !== undefined && new Set(random).size >= MIN_DIFFERENT;
}

/** How many addresses are remembered: of that many callers at a time most ask again. */
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
 * name any queue in the virtual host, and RabbitMQ 3.10 closes the *connection* of a worker that publishes to a malformed
 * direct address (541 INTERNAL_ERROR).
 * @param replyTo the property octet for octet (latin1), or undefined
 */
export function checkReplyAddress(replyTo: string | undefined, policy: ReplyAddressPolicy): ReplyAddress {
  if (replyTo === undefined || replyTo === '') return { ok: false, fault: 'missing-reply-to' };
  if (replyTo.startsWith(DIRECT_REPLY_TO)) {
    return isDirectReplyAddress(replyTo)
      ? { ok: true, address: replyTo, direct: true }
      : { ok: false, fault: 'malformed-reply-to' };
  }
  const address = Buffer.from(replyTo, 'latin1').toString(); // a routing key goes out as UTF-8
  // no UTF-8: it would be written to another queue than the one that was named
  const named = Buffer.from(address).equals(Buffer.from(replyTo, 'latin1'));
  const taken = isUnguessable(address) || policy.allowed.some((pattern) => pattern.test(address));
  if (!named || policy.requestQueues.has(address) || !taken) {
    return { ok: false, fault: 'refused-reply-to' };
  }
  return { ok: true, address, direct: false };
}

/** Whether it is an address of Direct Reply-To, as a broker hands them out. */
export function isDirectReplyAddress(replyTo: string): boolean {
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
