import type { WorkerEvent } from '../../worker/worker.ts';

/** The options of {@link watchForIdleness}. */
interface IdlenessOptions {
  /** How long nothing may come, in ms. */
  readonly limit: number;
  /** Requests in hand now. */
  inFlight(): number;
  /** Called once. */
  onIdle(): void;
}

/**
 * Calls `onIdle` when a worker has consumed for `limit` ms without a request in hand. A worker that is disconnected, or
 * blocked by the broker, does not count as idle: it can't know whether somebody waits for it.
 * @returns takes the worker's events
 */
export function watchForIdleness({ limit, inFlight, onIdle }: IdlenessOptions): (event: WorkerEvent) => void {
  let since = 0;
  let timer: NodeJS.Timeout | undefined;
  const look = (): void => {
    const now = performance.now();
    if (inFlight() > 0) since = now;
    const left = since + limit - now;
    if (left <= 0) onIdle();
    else timer = setTimeout(look, Math.ceil(left));
  };
  return ({ type }) => {
    switch (type) {
      case 'consuming':
      case 'unblocked':
        since = performance.now();
        clearTimeout(timer);
        timer = setTimeout(look, limit);
        return;
      case 'answered':
      case 'rejected':
      case 'dead-letter-cycle':
      case 'abandoned':
        since = performance.now(); // the timer goes on: setting it anew for each request would cost more
        return;
      case 'blocked':
      case 'disconnected':
      case 'retrying':
      case 'max-requests':
        clearTimeout(timer);
    }
  };
}
