import { constants } from 'node:os';
import type { Writable } from 'node:stream';
import { inspect } from 'node:util';
import { printable, printableLines } from '../protocol/text.ts';
import { UsageError } from './option.ts';
import { redact, shorten } from './redact.ts';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/** The signals that ask a program to stop. */
type ShutdownSignal = (typeof SIGNALS)[number];

/** Why a program stops early: somebody asked for it. */
export class Interrupted extends Error {
  /** As a shell would report the signal. */
  readonly exitCode: number;

  constructor(signal: ShutdownSignal) {
    super(`interrupted by ${signal}`);
    this.exitCode = 128 + constants.signals[signal];
  }
}

/** The options of {@link onShutdown}. */
interface ShutdownOptions {
  /** Ends the process at once. Default: `process.exit`. */
  readonly exit?: (code: number) => void;
}

/**
 * Calls `stop` once, on the first SIGTERM or SIGINT; a second signal, of either kind, ends the process at once with
 * 128 + its number (143, 130), as a shell would report it. The listeners keep no process alive. What `stop` throws is
 * not caught here, so Node reports it and exits 1.
 *
 * @returns removes the listeners again
 */
export function onShutdown(
  stop: (signal: ShutdownSignal) => Promise<void> | void,
  { exit = process.exit }: ShutdownOptions = {},
): () => void {
  let stopping = false;
  const listener = (signal: ShutdownSignal): void => {
    if (stopping) exit(128 + constants.signals[signal]);
    else {
      stopping = true;
      void stop(signal);
    }
  };
  for (const signal of SIGNALS) process.on(signal, listener);
  return () => {
    for (const signal of SIGNALS) process.off(signal, listener);
  };
}

/**
 * Ends the program quietly, with exit code 0, once nobody reads its output any more, as in `… | head -1`. Any other
 * error of the stream, such as a full disk, ends it with a line on standard error and exit code 1.
 *
 * @returns stops watching
 */
export function exitOnBrokenPipe(
  stream: Writable = process.stdout,
  exit: (code: number) => void = process.exit,
): () => void {
  const listener = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'EPIPE' && stream !== process.stderr)
      process.stderr.write(`the output can't be written: ${error.message}\n`);
    exit(error.code === 'EPIPE' ? 0 : 1);
  };
  stream.on('error', listener);
  return () => void stream.off('error', listener);
}

/** Resolves once a stream takes more; undefined if it does already, or will never again. */
export function drained(stream: Writable): Promise<void> | undefined {
  if (!stream.writableNeedDrain || stream.destroyed) return undefined;
  return new Promise((resolve) => {
    const done = () => {
      stream.off('drain', done);
      stream.off('close', done);
      resolve();
    };
    stream.on('drain', done);
    stream.on('close', done);
  });
}

/** Says something to people: on standard error, each line safe to print, no password of a URL shown. */
export function say(text: string): void {
  process.stderr.write(`${printableLines(redact(text))}\n`);
}

/** The longest report of an error, in characters. */
const MAX_REPORT = 10_000;

/** How long the end of a program waits for the reader of what it last said, in ms. */
const LAST_WORDS = 2_000;

/**
 * Says why the program can't go on and exits: with 2 and one line where it was used wrongly, as a UsageError or a TypeError says, with
 * one line where it was interrupted, else with 1 and the error's stack.
 */
export function endWith(program: string, error: unknown): void {
  const usage = error instanceof UsageError || error instanceof TypeError;
  const known = usage || error instanceof Interrupted;
  const text = known ? error.message : error instanceof Error ? inspect(error) : String(error);
  const shown = redact(shorten(text, MAX_REPORT));
  const code = usage ? UsageError.exitCode : error instanceof Interrupted ? error.exitCode : 1;
  exitOnceWritten(process.stderr, `${program}: ${usage ? printable(shown) : printableLines(shown)}\n`, code);
}

/** Writes the last words and exits, even if something still runs, at the latest when nobody has read them for 2 s. */
export function exitOnceWritten(stream: Writable, text: string, code: number): void {
  const exit = () => process.exit(code);
  setTimeout(exit, LAST_WORDS);
  stream.on('error', exit);
  stream.write(text, exit);
}

/** Calls `report`, once, with an error or a rejection that nobody caught; the program must end then. */
export function onCrash(report: (error: unknown) => void): void {
  let crashed = false;
  process.on('uncaughtException', (error) => {
    if (crashed) return;
    crashed = true;
    report(error);
  });
}
