import { spawn } from 'node:child_process';
import { once } from 'node:events';
import readline from 'node:readline';
import type { MemoryWatch } from './turn.ts';

/**
 * Starts `dist/compare-watch.js`, and resolves when it has its first reading; undefined if it gets none.
 * @param options.metricsUrls as `openMetrics` takes them; they may hold a password
 * @param options.env put into its environment, over this process's
 */
export async function startWatchProcess(options: {
  readonly script: string;
  readonly metricsUrls: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}): Promise<MemoryWatch | undefined> {
  const { script, metricsUrls, env } = options;
  const watcher = spawn(process.execPath, [script], {
    env: { ...process.env, ...env, METRICS_URLS: metricsUrls.join(',') },
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true, // Ctrl-C in a terminal is for us
  });
  watcher.stdin.on('error', () => {}); // it has ended
  const ended = new Promise<void>((resolve) => watcher.once('close', () => resolve()).once('error', () => resolve()));
  const lines = readline.createInterface({ input: watcher.stdout });
  let grown: number | undefined;
  lines.on('line', (line) => {
    grown = (JSON.parse(line) as { readonly grown?: number }).grown;
  });
  const watching = await Promise.race([once(lines, 'line').then(() => true), ended.then(() => false)]);
  if (!watching) return undefined;
  return {
    async stop() {
      watcher.stdin.end();
      await ended;
      return grown;
    },
  };
}
