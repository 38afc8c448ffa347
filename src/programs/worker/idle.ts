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
  let consuming = false;
  let blocked = false;
  const look = (): void => {
    const now = performance.now();
    if (inFlight() > 0) since = now;
    const left = since + limit - now;
    if (left <= 0) onIdle();
    else timer = setTimeout(look, Math.ceil(left));
  };
  return ({ type }) => {
    switch (type) {
      case 'connected':
        blocked = false;
        return;
      case 'consuming':
      case 'unblocked':
        if (type === 'consuming') consuming = true;
        else blocked = false;
        clearTimeout(timer);
        if (!consuming || blocked) return; // blocked before it consumed, or its queue is gone
        since = performance.now();
        timer = setTimeout(look, limit);
        return;
      case 'answered':
      case 'rejected':
      case 'dead-letter-cycle':
      case 'abandoned':
      case 'cancelled':
        since = performance.now(); // the timer goes on: setting it anew for each request would cost more
        return;
      case 'blocked':
      case 'disconnected':
      case 'retrying':
      case 'max-requests':
        if (type === 'blocked') blocked = true;
        else consuming = false;
        clearTimeout(timer);
    }
  };
}
