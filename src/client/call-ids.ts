/** Why a reply was discarded. */
export type DiscardReason =
  /** Its call had timed out, was aborted or lost its connection. */
  | 'late'
  /** Its call had been answered: a worker died between reply and ack, and another one answered again. */
  | 'duplicate'
  /** It carries an id that this client never issued, or none. */
  | 'unknown';

/** How many ids of calls that ended without a reply are remembered. */
const REMEMBERED = 1_024;

/**
 * Issues a client's correlation ids, an unguessable prefix and a counter, and tells what an id that nobody waits for
 * was. 96 random bits: whoever can't read the requests can't forge a reply.
 */
export class CallIds {
  // Web Crypto, for node:crypto takes some milliseconds to load, which a client that makes one call would notice
  readonly #prefix = Buffer.from(crypto.getRandomValues(new Uint8Array(12))).toString('base64url');
  #issued = 0;
  readonly #unanswered = new Set<string>();

  /** A new correlation id. */
  next(): string {
    return this.#prefix + (++this.#issued).toString(36);
  }

  /** Remembers that the call of this id ended without a reply, so that one which still comes is known as late. */
  abandon(id: string): void {
    this.#unanswered.add(id);
    if (this.#unanswered.size > REMEMBERED) {
      for (const oldest of this.#unanswered) {
        this.#unanswered.delete(oldest);
        break;
      }
    }
  }

  /** What a reply is that no pending call has the id of. */
  classify(id: string | undefined): DiscardReason {
    if (id === undefined || !id.startsWith(this.#prefix)) return 'unknown';
    if (this.#unanswered.delete(id)) return 'late';
    const counter = id.slice(this.#prefix.length);
    const number = Number.parseInt(counter, 36);
    return number >= 1 && number <= this.#issued && number.toString(36) === counter ? 'duplicate' : 'unknown';
  }
}
