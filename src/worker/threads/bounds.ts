import { inspect } from 'node:util';
import { cut } from '../../protocol/text.ts';
import type { WorkerEvent } from '../events.ts';

/** Log lines of one thread within a second. */
const LINES = 200;
const SECOND = 1_000;

/** What one event may hold: texts are cut, in UTF-16 units, and of the values that are nested in it the first are kept. */
const MAX_TEXT = 4_000;
const MAX_ALL_TEXT = 16_000;
const MAX_VALUES = 200;
const MAX_DEPTH = 6;

/**
 * How much a function may log from its thread: bounded where it is written, because what a thread writes faster than the
 * worker reads piles up in the worker's memory.
 */
export class ThreadLogLimit {
  readonly #tell: (event: WorkerEvent) => void;
  #since = 0;
  #lines = 0;
  #omitted = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param tell gets a line that says how many others were left out */
  constructor(tell: (event: WorkerEvent) => void) {
    this.#tell = tell;
  }

  /** Whether one more line may be written now; counts it. */
  admits(): boolean {
    const now = performance.now();
    if (now - this.#since >= SECOND) {
      this.#tellOmitted();
      this.#since = now;
      this.#lines = 0;
    }
    if (++this.#lines <= LINES) return true;
    this.#omitted++;
    this.#timer ??= setTimeout(() => this.#tellOmitted(), SECOND).unref();
    return false;
  }

  #tellOmitted(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#omitted === 0) return;
    const text = `${this.#omitted} lines that the function logged were left out: a thread may log ${LINES} a second`;
    this.#omitted = 0;
    this.#tell({ type: 'log', level: 'warn', text });
  }
}

/** A copy that can be sent to any thread, and that is bounded. */
export function boundedCopy(value: unknown): unknown {
  const room = { values: MAX_VALUES, text: MAX_ALL_TEXT };
  const copyText = (text: string): string => {
    const short = cut(text, Math.min(MAX_TEXT, Math.max(0, room.text)));
    room.text -= short.length;
    return short;
  };
  const copy = (one: unknown, depth: number): unknown => {
    if (--room.values < 0) return '…';
    if (typeof one === 'string') return copyText(one);
    if (one === null || one === undefined || typeof one === 'number' || typeof one === 'boolean') return one;
    if (typeof one !== 'object' || depth === 0 || !isPlain(one))
      return copyText(inspect(one, { depth: 1, maxArrayLength: 20, maxStringLength: MAX_TEXT }));
    if (Array.isArray(one)) return one.slice(0, MAX_VALUES).map((item) => copy(item, depth - 1));
    const entries: [string, unknown][] = [];
    for (const key in one) {
      if (room.values <= 0) {
        entries.push(['…', '…']);
        break;
      }
      if (Object.hasOwn(one, key)) entries.push([copyText(key), copy(one[key as keyof typeof one], depth - 1)]);
    }
    return Object.fromEntries(entries);
  };
  try {
    return copy(value, MAX_DEPTH);
  } catch {
    return { type: 'log', level: 'warn', text: 'the function logged something that can not be read' };
  }
}

function isPlain(value: object): boolean {
  if (Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
