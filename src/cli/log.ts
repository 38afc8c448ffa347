import type { Writable } from 'node:stream';
import { printable } from '../protocol/text.ts';
import { redact, shorten } from './redact.ts';

/** `text` is for people at a terminal, `json` for programs: one record a line. */
export type LogFormat = 'text' | 'json';

/** The fields of a record besides its event. `time`, `level`, `event` and `message` are the record's own. */
export type LogFields = Readonly<Record<string, unknown>>;

/** The longest line for people, and the longest text in a field, in characters. */
const MAX_LINE = 5_000;
const MAX_TEXT = 2_000;

/** The longest id behind a line for people: a short string of AMQP. */
const MAX_ID = 255;

/** All texts and names of a record's fields together, in characters, and what each value counts for besides. */
const MAX_RECORD = 20_000;
const VALUE = 10;

/** How deep a field may be nested, and how much of a list or an object is shown. */
const MAX_DEPTH = 8;
const MAX_ITEMS = 50;

/** The most that waits for a reader of the log, in bytes or characters. */
const MAX_PENDING = 1024 * 1024;

/** How bad it is, the least first. */
export const logLevels = ['info', 'warn', 'error'] as const;

type LogLevel = (typeof logLevels)[number];

/**
 * A log. `event` is a short name that never changes (`consuming`), `fields` are its figures, `text` is the line for
 * people. In the text format only `text` is printed, and behind it the `correlationId` and `traceparent` of the fields; an event
 * without a text is in the JSON format only. A record in JSON has the fields and `message`: the text, unless the fields have
 * what is in it. None of the methods throws.
 */
export interface Log {
  info(event: string, fields?: LogFields, text?: string, message?: string): void;
  warn(event: string, fields: LogFields, text: string, message?: string): void;
  error(event: string, fields: LogFields, text: string, message?: string): void;
}

/** The options of {@link createLog}. */
interface LogOptions {
  readonly format: LogFormat;
  /** Lines of lower levels are left out. Default: `info`. */
  readonly level?: LogLevel | undefined;
  /** The program: what stands in each record in JSON. Default: nothing. */
  readonly program?: LogFields | undefined;
  /** Takes a line with its line end, or returns false if it does not. Default: standard error. What it throws is swallowed. */
  readonly write?: (line: string) => boolean;
  /** The clock. Default: the system's. */
  readonly now?: () => Date;
}

/**
 * Makes a log. Each call writes at most one line, with any arguments: control characters are escaped, passwords in URLs hidden,
 * and long texts, lists and objects cut.
 */
export function createLog(options: LogOptions): Log {
  const {
    format,
    level: lowest = 'info',
    program,
    write = lineWriter(process.stderr),
    now = () => new Date(),
  } = options;

  /** The number of lines that were left out since the last one that was written. */
  let leftOut = 0;

  const render = (
    level: LogLevel,
    event: string,
    fields: LogFields,
    text?: string,
    told = text,
  ): string | undefined => {
    if (format === 'text') return text && printable(redact(shorten(text, MAX_LINE) + idsIn(fields)));
    const message = told && {
      message: redact(shorten(told, MAX_LINE))
        .trim()
        .replace(/^\[.\] /, ''),
    };
    return toJson({ time: now().toISOString(), level, event }, fields, { ...message, ...program });
  };
  const log = (level: LogLevel, event: string, fields: LogFields = {}, text?: string, message?: string): void => {
    if (logLevels.indexOf(level) < logLevels.indexOf(lowest)) return;
    try {
      const line = render(level, event, fields, text, message);
      if (line === undefined) return;
      if (leftOut > 0) {
        const text = ` [-] … ${leftOut} lines that nobody read`;
        const note = render('warn', 'suppressed', { count: leftOut }, text, 'Lines that nobody read were left out');
        if (write(`${note}\n`)) leftOut = 0;
      }
      if (leftOut > 0 || !write(`${line}\n`)) leftOut++;
    } catch {
      // A log that cannot be written must not take down what it is about.
    }
  };
  return {
    info: (event, fields, text, message) => log('info', event, fields, text, message),
    warn: (event, fields, text, message) => log('warn', event, fields, text, message),
    error: (event, fields, text, message) => log('error', event, fields, text, message),
  };
}

/** The ids of the request that a line is about, for its end. */
function idsIn({ correlationId, traceparent }: LogFields): string {
  const ids = [correlationId, traceparent].filter((id) => typeof id === 'string');
  return ids.length === 0 ? '' : ` (${ids.map((id) => shorten(id, MAX_ID)).join(', ')})`;
}

/** `text` where the stream is a terminal, else `json`. */
export function defaultLogFormat(stream: { readonly isTTY?: boolean }): LogFormat {
  return stream.isTTY ? 'text' : 'json';
}

/**
 * Makes a `write` for a stream whose reader may stand still, or go away (EPIPE): lines are left out then, nothing piles up
 * and nothing is thrown.
 */
export function lineWriter(stream: Writable): (line: string) => boolean {
  stream.on('error', () => {});
  return (line) => {
    if (stream.writableLength > MAX_PENDING) return false;
    stream.write(line);
    return true;
  };
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * One JSON line of what the record begins with, the caller's fields, and what it ends with; a field of the caller's never
 * replaces one of the record's. The queue and the ids of the request come first and stay, even if the other fields are too long.
 * Never throws: fields that cannot be written are left out, and `unloggable` says why.
 * It takes bounded time and space, for any fields.
 */
export function toJson(first: Fields, fields: Fields, last: Fields): string {
  const ids = idFields(fields);
  const json = JSON.stringify(Object.assign({}, first, ids, simplified(fields), ids, first, last));
  return printable(json); // JSON.stringify leaves DEL, the C1 controls and marks of direction alone
}

/** The fields by which a record is found. They are read apart, for a stranger's error among the others may be endless, or throw. */
function idFields(fields: Fields): Fields {
  try {
    const { queue, correlationId, traceparent } = fields;
    const ids = Object.entries({ queue, correlationId, traceparent });
    return Object.fromEntries(
      ids.flatMap(([name, id]) => (typeof id === 'string' ? [[name, new Simplifier().simplify(id)]] : [])),
    );
  } catch {
    return {};
  }
}

function simplified(fields: Fields): unknown {
  try {
    return new Simplifier().simplify(fields);
  } catch (error) {
    return { unloggable: redact(shorten(error instanceof Error ? error.message : 'not an Error', MAX_TEXT)) };
  }
}

/** Makes plain, bounded data of any value that a field holds. */
class Simplifier {
  readonly #path: unknown[] = [];
  #left = MAX_RECORD;

  simplify(original: unknown, key = ''): unknown {
    this.#left -= VALUE;
    const value = hasToJson(original) && !(original instanceof Uint8Array) ? original.toJSON(key) : original;
    if (typeof value === 'string') return this.#text(value);
    if (typeof value === 'bigint') return this.#text(value.toString());
    if (typeof value !== 'object' || value === null) return this.#left > 0 ? value : '…';
    // the numbers of its bytes would say nothing and fill pages
    if (value instanceof Uint8Array) return `<${value.byteLength} bytes>`;
    if (this.#path.includes(original)) return '[circular]';
    if (this.#left <= 0 || this.#path.length > MAX_DEPTH) return '…';
    this.#path.push(original);
    const simple = Array.isArray(value)
      ? this.#list(value)
      : this.#object(value instanceof Error ? errorFields(value) : value);
    this.#path.pop();
    return simple;
  }

  #text(text: string): string {
    const short = redact(shorten(text, Math.max(0, Math.min(MAX_TEXT, this.#left))));
    this.#left -= short.length;
    return short;
  }

  #list(list: readonly unknown[]): unknown[] {
    const simple = list.slice(0, MAX_ITEMS).map((item, index) => this.simplify(item, String(index)));
    return list.length > MAX_ITEMS ? [...simple, `… ${list.length - MAX_ITEMS} more`] : simple;
  }

  #object(object: object): Fields {
    const simple: Record<string, unknown> = {};
    const keys = Object.keys(object);
    for (const key of keys.slice(0, MAX_ITEMS)) {
      const name = this.#text(key);
      Object.defineProperty(simple, name, {
        value: this.simplify((object as Fields)[key], key),
        enumerable: true,
        configurable: true,
        writable: true,
      });
    }
    if (keys.length > MAX_ITEMS) simple['…'] = `${keys.length - MAX_ITEMS} more`;
    return simple;
  }
}

function hasToJson(value: unknown): value is { toJSON(key: string): unknown } {
  return typeof value === 'object' && value !== null && typeof (value as Partial<Date>).toJSON === 'function';
}

function errorFields(error: Error): Fields {
  const { name, message, stack, cause } = error;
  // A refused connection to localhost has its reasons in `errors` only, and nothing in its message.
  const errors = error instanceof AggregateError ? error.errors : undefined;
  const first = { name, message, stack: framesOf(stack) };
  return { ...first, ...ownFields(error), ...first, cause, errors };
}

/** What an error has besides; a word on it if that can't be read. */
function ownFields(error: Error): Fields {
  try {
    return { ...error };
  } catch {
    return { unloggable: 'its own properties' };
  }
}

/** A stack without its head, which says name and message once more. */
function framesOf(stack: unknown): unknown {
  const at = typeof stack === 'string' ? stack.indexOf('\n    at ') : -1;
  return at < 0 ? stack : (stack as string).slice(at + 1);
}
