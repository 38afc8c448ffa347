/** The size of a slab: what is said goes into one, and then into the next. */
const SLAB = 0x10000;

/** When this many octets are gathered, they go out before the turn of the event loop ends, if the socket has sent all before. */
const EARLY = 0x40000;

/** Slabs that wait to be written to again, at most. */
const KEPT = 8;

/** A socket, as far as it is written to. */
export interface Sink {
  /** Gets the pieces, in order. They stay as they are until all are sent. */
  write(pieces: readonly Buffer[]): void;
  /** The octets that it was given and has not sent yet. */
  readonly unsent: number;
}

/**
 * Gathers the octets for the socket until the turn of the event loop ends, and writes them all at once. They are put together in
 * slabs, which are written to again once the socket has sent them: memory that was in use a moment ago is quicker than a new one.
 */
export class Outbox {
  readonly #sink: Sink;
  readonly #flush = (): void => this.flush();
  /** The slab to write to: from `end` on, see {@link reserve}. */
  octets: Buffer = Buffer.alloc(0);
  end = 0;
  #start = 0;
  #pieces: Buffer[] = [];
  /** The octets in `pieces`. */
  #gathered = 0;
  /** Slabs that are full, whose octets the socket may still need, and those whose octets are sent. */
  #full: Buffer[] = [];
  #free: Buffer[] = [];
  #before: (() => void)[] = [];
  #scheduled = false;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  /** Makes room for `size` octets in `octets` from `end` on. Nothing is said until {@link said} is told where they end. */
  reserve(size: number): void {
    if (this.end + size <= this.octets.length) return;
    this.#cut();
    if (this.octets.length === SLAB && this.#full.length < KEPT) this.#full.push(this.octets);
    if (this.#gathered >= EARLY && this.#sink.unsent === 0) this.#write();
    this.octets = (size <= SLAB && this.#free.pop()) || Buffer.allocUnsafeSlow(Math.max(size, SLAB));
    this.#start = this.end = 0;
  }

  said(end: number): void {
    this.end = end;
    this.#schedule();
  }

  /** Says octets that are copied. */
  copy(octets: Uint8Array): void {
    for (let from = 0; from < octets.length; ) {
      this.reserve(1);
      const part = octets.subarray(from, from + this.octets.length - this.end);
      this.octets.set(part, this.end);
      this.said(this.end + part.length);
      from += part.length;
    }
  }

  /** Says octets that are not copied: they must not change before they are written. */
  append(octets: Buffer): void {
    this.#cut();
    this.#pieces.push(octets);
    this.#gathered += octets.length;
    this.#schedule();
  }

  /** Calls back once, right before the next write; if nothing has been said in this turn, there is a write all the same. */
  beforeWrite(callback: () => void): void {
    this.#before.push(callback);
    this.#schedule();
  }

  /** Writes what was said. */
  flush(): void {
    for (let callback = this.#before.shift(); callback; callback = this.#before.shift()) callback();
    this.#scheduled = false;
    this.#cut();
    if (this.#pieces.length > 0) this.#write();
    if (this.#sink.unsent === 0) this.#start = this.end = 0;
  }

  #write(): void {
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#gathered = 0;
    this.#sink.write(pieces);
    this.#reclaim();
  }

  /** Takes back the slabs that the socket has sent. To be called when no pieces are gathered. */
  #reclaim(): void {
    if (this.#full.length > 0 && this.#sink.unsent === 0) this.#free.push(...this.#full.splice(0));
  }

  #schedule(): void {
    if (this.#scheduled) return;
    if (this.#pieces.length === 0) this.#reclaim(); // all may be sent meanwhile
    this.#scheduled = true;
    process.nextTick(this.#flush); // behind all that this turn still says
  }

  #cut(): void {
    if (this.end === this.#start) return;
    this.#pieces.push(this.octets.subarray(this.#start, this.end));
    this.#gathered += this.end - this.#start;
    this.#start = this.end;
  }
}
