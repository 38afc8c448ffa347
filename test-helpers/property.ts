import { randomInt } from 'node:crypto';
import fc from 'fast-check';

const { FIB_WORKER_TEST_SEED } = process.env;

/** The seed of this run: random, or FIB_WORKER_TEST_SEED to repeat a run that failed. */
export const seed = FIB_WORKER_TEST_SEED ? Number(FIB_WORKER_TEST_SEED) : randomInt(2 ** 31);

/** Parameters for `fc.assert` by which a failure says how to repeat it. */
export function seeded<T>(parameters: fc.Parameters<T> = {}): fc.Parameters<T> {
  return {
    seed,
    reporter: (details) => {
      if (!details.failed) return;
      const message = `${fc.defaultReportMessage(details)}\nTo repeat it: FIB_WORKER_TEST_SEED=${seed}`;
      throw new Error(message, { cause: details.errorInstance });
    },
    ...parameters,
  };
}
