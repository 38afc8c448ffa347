/** How long messages are handed over in one turn, in ms: what slow consumers say goes out before all have been called. */
const TIME = 1;

/** How many messages are handed over in one turn, at most. */
const MOST = 32;

/**
 * Hands messages over, in the order in which they came, in turns of the event loop. One turn has as many as take a millisecond,
 * with the promises that they settle: so what they lead to goes out together, and none waits for many others.
 */
export class HandOver {
  readonly #run = (): void => this.#handOver();
  readonly #measure = (): void => this.#measureTurn();
  readonly #onTurn: (left: number) => void;
  #waiting: (() => void)[] = [];
  /** The number of messages handed over in the next turn. */
  #together = 1;
  #began = 0;
  #count = 0;

  /** `onTurn` is told, at the end of each turn, how many wait. */
  constructor(onTurn: (left: number) => void) {
    this.#onTurn = onTurn;
  }

  /** How many wait. */
  get size(): number {
    return this.#waiting.length;
  }

  /** Calls `deliver` when its turn has come. */
  add(deliver: () => void): void {
    if (this.#waiting.push(deliver) === 1) setImmediate(this.#run);
  }

  /** Hands over at once all that waits; not to be called by what is handed over. */
  flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const deliver of waiting) deliver();
  }

  #handOver(): void {
    this.#began = performance.now();
    this.#count = 0;
    // behind the promises that they settle: what follows from those is a part of the turn
    queueMicrotask(() => process.nextTick(this.#measure));
    const most = Math.min(this.#together, this.#waiting.length);
    try {
      do this.#waiting[this.#count++]?.();
      while (this.#count < most && performance.now() - this.#began < TIME);
    } finally {
      this.#waiting.splice(0, this.#count);
      if (this.#waiting.length > 0) setImmediate(this.#run);
      this.#onTurn(this.#waiting.length);
    }
  }

  #measureTurn(): void {
    const took = performance.now() - this.#began;
    const fit = Math.floor((this.#count * TIME) / took); // also after a turn of few, for few at a time would be a write each
    this.#together = Math.min(MOST, 2 * this.#together, Math.max(1, fit));
  }
}
