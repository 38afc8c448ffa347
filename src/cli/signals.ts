import { constants } from 'node:os';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/** The signals that ask a program to stop. */
type ShutdownSignal = (typeof SIGNALS)[number];

/** What {@link onShutdown} can be told. */
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
