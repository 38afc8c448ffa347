import type { WorkerEvent, WorkerStats } from '../../worker/worker.ts';
import { plain, serveHttp } from './http.ts';
import { measureWorker } from './metrics.ts';
import type { Readiness } from './readiness.ts';

/** The options of a worker's status: the worker, and where to tell of it. */
interface StatusOptions {
  readonly port: number;
  readonly host: string | undefined;
  readonly version: string;
  readonly readiness: Readiness;
  stats(): WorkerStats;
}

/** A worker's status over HTTP. */
interface Status {
  /** The port that it listens at. */
  readonly port: number;
  /** Takes the worker's events. */
  readonly onEvent: (event: WorkerEvent) => void;
}

/**
 * Serves `/livez` (the process and its event loop answer), `/readyz` (503, and why, unless requests can be answered) and
 * `/metrics`.
 * @throws Error with the system's code, if it can't listen there
 */
export async function serveStatus({ port, host, version, readiness, stats }: StatusOptions): Promise<Status> {
  const metrics = measureWorker({ version, stats, state: () => readiness.state });
  let rendered: Promise<string> | undefined; // once for all who ask at the same time
  const render = () => {
    rendered ??= metrics.render().finally(() => {
      rendered = undefined;
    });
    return rendered;
  };
  const boundPort = await serveHttp(
    { port, host },
    {
      '/livez': () => plain(200, 'alive'),
      '/readyz': () => plain(readiness.ready ? 200 : 503, readiness.describe()),
      '/metrics': async () => ({ status: 200, type: metrics.contentType, body: await render() }),
    },
  );
  return { port: boundPort, onEvent: metrics.onEvent };
}
