import type { Socket } from 'node:net';

/** The most bytes under way in one direction: nothing more is read until some have arrived. */
const CAPACITY = 8 * 1024 * 1024;

/** Octets under way, and the time of their arrival, in ms as `performance.now()` counts. */
interface Passage {
  readonly due: number;
  readonly what: Buffer | 'end' | 'reset';
}

/** How a {@link DelayLine} delays. Times are in ms. */
interface DelayLineOptions {
  readonly delay: number;
  /** Nothing is taken as sent before this, in ms as `performance.now()` counts. */
  readonly notBefore: number;
  /** Called with how much later than it should a chunk went on. */
  readonly onLate: (ms: number) => void;
}

/**
 * One direction of a slow network: passes on what `from` receives to `to`, all of it by the same delay, in order, however
 * much is under way; then its end, or its reset. Where `to` is slower it holds `from` back, as TCP would.
 */
export class DelayLine {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #options: DelayLineOptions;
  readonly #underWay: Passage[] = [];
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(from: Socket, to: Socket, options: DelayLineOptions) {
    this.#from = from;
    this.#to = to;
    this.#options = options;
    from.on('data', (chunk: Buffer) => {
      this.#bytes += chunk.length;
      if (this.#bytes >= CAPACITY) from.pause();
      this.#take(chunk);
    });
    from.on('end', () => this.#take('end'));
    from.on('error', () => this.#take('reset'));
    to.on('drain', () => this.#arrive());
    to.on('close', () => {
      clearTimeout(this.#timer);
      this.#underWay.length = 0;
    });
  }

  #take(what: Passage['what']): void {
    if (this.#to.destroyed) return;
    const { delay, notBefore } = this.#options;
    this.#underWay.push({ due: Math.max(performance.now(), notBefore) + delay, what });
    if (this.#underWay.length === 1) this.#arrive();
  }

  /** Passes on what is due; there is one timer, for what is next. */
  #arrive(): void {
    clearTimeout(this.#timer);
    const now = performance.now();
    let next = this.#underWay[0];
    for (; next && next.due <= now && !this.#to.writableNeedDrain; next = this.#underWay[0]) {
      this.#underWay.shift();
      this.#pass(next, now);
    }
    if (this.#bytes < CAPACITY && this.#from.isPaused()) this.#from.resume();
    if (!next || this.#to.writableNeedDrain) return;
    // Node's timers count whole ms, and may be early by a part of one: then it is set again
    this.#timer = setTimeout(() => this.#arrive(), Math.max(1, next.due - now));
  }

  #pass({ what, due }: Passage, now: number): void {
    if (what === 'end') this.#to.end();
    else if (what === 'reset') this.#to.resetAndDestroy();
    else {
      this.#bytes -= what.length;
      this.#to.write(what);
      this.#options.onLate(now - due);
    }
  }
}
