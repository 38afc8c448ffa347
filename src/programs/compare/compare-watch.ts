// Watches a broker's memory for the comparison, in a process of its own: compare.js blocks its event loop meanwhile. Not
// for users. Reads the metrics endpoints in METRICS_URLS (comma-separated), as often as they answer, until stdin ends; then
// prints a JSON line with how much the figure rose at most above the lowest one before, in bytes: what the last turn left may
// still be given back at first.
import { setTimeout as delay } from 'node:timers/promises';
import { openMetrics } from '../../rabbitmq/metrics.ts';

/** Between two readings, in ms: each costs the broker some. */
const INTERVAL = 20;

async function main(): Promise<void> {
  const metrics = openMetrics((process.env.METRICS_URLS ?? '').split(','));
  let over = false;
  process.stdin.resume().once('close', () => {
    over = true;
  });
  let lowest: number | undefined;
  let grown = 0;
  do {
    const { memory } = await metrics.read();
    if (memory === undefined) throw new Error(`${metrics.source} does not tell the broker's memory`);
    if (lowest === undefined) process.stdout.write('{"event":"watching"}\n');
    lowest = Math.min(lowest ?? memory, memory);
    grown = Math.max(grown, memory - lowest);
    await delay(INTERVAL);
  } while (!over);
  process.stdout.write(`${JSON.stringify({ event: 'watched', grown })}\n`);
}

main().catch((error: Error) => {
  process.stderr.write(`fib-compare-watch: ${error.message}\n`);
  process.exitCode = 1;
});
