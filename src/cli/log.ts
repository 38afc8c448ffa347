import type { Writable } from 'node:stream';
import { toJson } from './log-json.ts';
import { printable, redact } from './printable.ts';

/** `text` is for people at a terminal, `json` for programs: one record a line. */
export type LogFormat = 'text' | 'json';

/** What a record says besides its event. `time`, `level`, `event`, `program` and `message` are the record's own. */
export type LogFields = Readonly<Record<string, unknown>>;

/** How bad it is. */
type LogLevel = 'info' | 'warn' | 'error';

/**
 * A log. `event` is a short name that never changes (`consuming`), `fields` are its figures, `text` is the line for
 * people. In the text format only `text` is printed, so an event without one is in the JSON format only.
 * None of the methods throws.
 */
export interface Log {
  info(event: string, fields?: LogFields, text?: string): void;
  warn(event: string, fields: LogFields, text: string): void;
  error(event: string, fields: LogFields, text: string): void;
}

/** What {@link createLog} can be told. */
interface LogOptions {
  readonly format: LogFormat;
  /** Takes a line with its line end. Default: standard error. What it throws is swallowed. */
  readonly write?: (line: string) => void;
  /** The field `program` of every JSON record. Default: none. */
  readonly programName?: string;
  /** The clock. Default: the system's. */
  readonly now?: () => Date;
}

/**
 * Makes a log. Each call writes at most one line, whatever its arguments hold: control characters are escaped, and
 * passwords in URLs hidden.
 */
export function createLog(options: LogOptions): Log {
  const { format, write = lineWriter(process.stderr), programName, now = () => new Date() } = options;

  const log = (level: LogLevel, event: string, fields: LogFields = {}, text?: string): void => {
    try {
      if (format === 'json') {
        const time = now().toISOString();
        const program = programName === undefined ? {} : { program: programName };
        const message = text === undefined ? {} : { message: text.trim().replace(/^\[.\] /, '') };
        write(`${toJson({ time, level, event, ...program }, fields, message)}\n`);
      } else if (text !== undefined) write(`${printable(redact(text))}\n`);
    } catch {
      // A log that cannot be written must not take down what it is about.
    }
  };
  return {
    info: (event, fields, text) => log('info', event, fields, text),
    warn: (event, fields, text) => log('warn', event, fields, text),
    error: (event, fields, text) => log('error', event, fields, text),
  };
}

/** `text` where the stream is a terminal, else `json`. */
export function defaultLogFormat(stream: { readonly isTTY?: boolean }): LogFormat {
  return stream.isTTY ? 'text' : 'json';
}

/** Makes a `write` for a stream whose reader may go away (EPIPE): from then on lines are dropped, nothing is thrown. */
export function lineWriter(stream: Writable): (line: string) => void {
  stream.on('error', () => {});
  return (line) => void stream.write(line);
}
