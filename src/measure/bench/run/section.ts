import type { Sample } from './results.ts';
import type { Stage } from './stage.ts';
import type { Heading } from './summary.ts';

/** Something that is measured, `--only`-able. */
export interface Section extends Heading {
  /** Measures round by round, so that what was measured stays if it is ended. */
  run(stage: Stage): AsyncIterable<Omit<Sample, 'section'>>;
}
