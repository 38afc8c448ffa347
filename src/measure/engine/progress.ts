import type { Step } from './drive.ts';

/** A place to show progress. */
export interface Display {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

/**
 * Shows how far a run is: on a terminal in one line that is written over, elsewhere a line when a scenario of a round begins.
 * @param until when the time that may be spent is over, in ms as `performance.now()` counts; undefined: rounds alone decide
 */
export function progressOn(display: Display, until?: number): { step(step: Step): void; done(): void } {
  let last = '';
  return {
    step({ round, rounds, done, of, scenario, level, contender }) {
      const left = until === undefined ? '' : `, at most ${shownTime(until - performance.now())} more`;
      const where = round === 0 ? 'warm-up' : `round ${round} of ${rounds}`;
      if (display.isTTY)
        display.write(`\r\x1b[K${where}, turn ${done + 1} of ${of}${left}: ${scenario} ${level}, ${contender}`);
      else if (last !== where) display.write(`${where}: ${of} turns${left}\n`);
      last = where;
    },
    done() {
      if (display.isTTY) display.write('\r\x1b[K');
    },
  };
}

function shownTime(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1_000));
  return seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}
