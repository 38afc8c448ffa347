/** Waits for `work`, `ms` at most, and tells whether it was done by then. Rejects as `work` does. */
export async function within(ms: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([work.then(() => true), tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

/** Bounds of the waiting time between two attempts, in ms. */
export interface Backoff {
  readonly first: number;
  readonly max: number;
}

/**
 * How long to wait before attempt `attempt` (1, 2, …), in ms: doubling from `first` to `max`, of which a random half is
 * taken off, so that a fleet does not come back in step.
 */
export function backoffDelay(attempt: number, { first, max }: Backoff, random: () => number = Math.random): number {
  const full = Math.min(max, first * 2 ** Math.min(attempt - 1, 30));
  return Math.round(full * (0.5 + random() / 2));
}

/** What `await` would wait for. */
export function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  const mayBe = (typeof value === 'object' && value !== null) || typeof value === 'function';
  return mayBe && 'then' in value && typeof value.then === 'function';
}
