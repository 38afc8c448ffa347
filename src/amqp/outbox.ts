/** Room for what is said in a turn of the event loop; of more, the rest goes into another piece. */
const ROOM = 0x10000;

/**
 * Gathers the octets for the socket until the turn of the event loop ends, and writes them all at once. Small pieces are put
 * together in a buffer; long bodies stay where they are.
 */
export class Outbox {
  readonly #write: (pieces: readonly Buffer[]) => void;
  readonly #flush = (): void => this.flush();
  /** The buffer to write to: from `end` on, see {@link reserve}. */
  octets: Buffer = Buffer.alloc(0);
  end = 0;
  #start = 0;
  #pieces: Buffer[] = [];
  #before: (() => void)[] = [];
  #scheduled = false;

  /** @param write gets the pieces, in order */
  constructor(write: (pieces: readonly Buffer[]) => void) {
    this.#write = write;
  }

  /** Makes room for `size` octets in `octets` from `end` on. Nothing is said until {@link said} is told where they end. */
  reserve(size: number): void {
    if (this.end + size <= this.octets.length) return;
    this.#cut();
    this.octets = Buffer.allocUnsafeSlow(Math.max(size, ROOM));
    this.#start = this.end = 0;
  }

  said(end: number): void {
    this.end = end;
    this.#schedule();
  }

  /** Says octets that are copied. */
  copy(octets: Uint8Array): void {
    this.reserve(octets.length);
    this.octets.set(octets, this.end);
    this.said(this.end + octets.length);
  }

  /** Says octets that are not copied: they must not change before they are written. */
  append(octets: Buffer): void {
    this.#cut();
    this.#pieces.push(octets);
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
    if (this.#pieces.length === 0) return;
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#write(pieces);
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    process.nextTick(this.#flush); // behind all that this turn still says
  }

  #cut(): void {
    if (this.end > this.#start) this.#pieces.push(this.octets.subarray(this.#start, this.end));
    this.#start = this.end;
  }
}
