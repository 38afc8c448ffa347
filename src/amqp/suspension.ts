/** How often to look at the clock, in ms. */
const INTERVAL = 1_000;

/**
 * Calls `onResumed` when this process goes on after it stood still for longer than `limit` ms: a frozen serverless
 * instance, a suspended machine, or work that held the event loop. A clock that is set forward by as much looks the
 * same, and costs a connection. Keeps no process running.
 * @returns stops watching
 */
export function watchForSuspension(limit: number, onResumed: (stoodStill: number) => void): () => void {
  let last = Date.now(); // not performance.now(), which stands still with a suspended machine
  const timer = setInterval(() => {
    const now = Date.now();
    const stoodStill = now - last;
    last = now;
    if (stoodStill > limit) onResumed(stoodStill);
  }, INTERVAL).unref();
  return () => clearInterval(timer);
}
