import type { Step } from './measure.ts';
import { count } from './text-table.ts';

/** Where progress is shown. */
export interface Display {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

/**
 * Shows how far a comparison is: on a terminal in one line that is written over, elsewhere a line when a round is done.
 * @param turns how many turns there are in all
 */
export function progressOn(display: Display, turns: number, rounds: number): { step(step: Step): void; done(): void } {
  const began = performance.now();
  let taken = 0;
  let round = 0;
  const left = () => {
    const seconds = Math.ceil((((performance.now() - began) / taken) * (turns - taken)) / 1000);
    return seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
  };
  return {
    step(step) {
      if (step.kind === 'out of reach') return;
      taken++;
      const { sample } = step;
      const where = sample.round === 0 ? 'warm-up' : `round ${sample.round} of ${rounds}`;
      const line = `${where}, ${Math.floor((taken * 100) / turns)} % of ${count(turns)} turns, about ${left()} left`;
      if (display.isTTY) {
        display.write(`\r\x1b[K${line}: ${sample.workload} ${sample.level}, ${sample.implementation} ${sample.design}`);
      } else if (sample.round !== round) {
        round = sample.round;
        display.write(`${line}\n`);
      }
    },
    done() {
      if (display.isTTY) display.write('\r\x1b[K');
    },
  };
}
