import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { isWorkerFault } from '../../protocol/errors.ts';
import type { WorkerEvent, WorkerStats } from '../../worker/worker.ts';
import { type WorkerState, workerStates } from './readiness.ts';

/** Upper bounds of the duration's buckets, in s: OpenTelemetry's for RPC from 5 ms on, and finer ones below. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/** The parts of a worker that are measured. */
interface MeasuredWorker {
  readonly version: string;
  stats(): WorkerStats;
  state(): WorkerState;
}

/** A worker's metrics, in the text format of Prometheus. */
export interface WorkerMetrics {
  readonly contentType: string;
  onEvent(event: WorkerEvent): void;
  render(): Promise<string>;
}

/**
 * Measures a worker from now on. The duration is OpenTelemetry's `rpc.server.call.duration` with its attributes, in
 * Prometheus's form; the rest has no name there. Names and units: https://prometheus.io/docs/practices/naming/
 * @see https://opentelemetry.io/docs/specs/semconv/rpc/rpc-metrics/
 */
export function measureWorker({ version, stats, state }: MeasuredWorker): WorkerMetrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'fib_worker_build_info',
    help: 'Always 1; which version runs.',
    labelNames: ['version'],
    registers,
  }).set({ version }, 1);
  const duration = new Histogram({
    name: 'rpc_server_call_duration_seconds',
    help: 'From the delivery of a request to its reply.',
    labelNames: ['rpc_system_name', 'rpc_method', 'rpc_status_code', 'error_type'],
    buckets: BUCKETS,
    registers,
  });
  const count = (name: string, help: string, value: (now: WorkerStats) => number) =>
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(value(stats()));
      },
    });
  count('fib_worker_requests_total', 'Requests delivered, redelivered ones included.', ({ requests }) => requests);
  count(
    'fib_worker_redelivered_requests_total',
    'Requests that had been delivered before, to this worker or another.',
    ({ redelivered }) => redelivered,
  );
  count(
    'fib_worker_abandoned_requests_total',
    'Requests whose channel was lost before their reply; the broker delivers them again.',
    ({ abandoned }) => abandoned,
  );
  count(
    'fib_worker_cancelled_requests_total',
    'Requests acked without a reply, because their callers cancelled them.',
    ({ cancelled }) => cancelled,
  );
  count(
    'fib_worker_stray_cancels_total',
    'Cancels that fitted no request in hand: late, repeated or made up.',
    ({ strayCancels }) => strayCancels,
  );
  count(
    'fib_worker_dead_letter_cycles_total',
    'Requests acked instead of rejected once more, because dead letters come back to their queue.',
    ({ deadLetterCycles }) => deadLetterCycles,
  );
  count(
    'fib_worker_overrun_requests_total',
    'Requests whose function went on past their time limit, or although they were cancelled.',
    ({ overrun }) => overrun,
  );
  new Counter({
    name: 'fib_worker_rejected_requests_total',
    help: 'Requests rejected without requeue, by reason: nobody to reply to, or delivered too often.',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset();
      for (const [reason, rejected] of Object.entries(stats().rejected)) this.inc({ reason }, rejected);
    },
  });
  new Gauge({
    name: 'fib_worker_requests_in_flight',
    help: 'Requests in hand.',
    registers,
    collect() {
      this.set(stats().inFlight);
    },
  });
  new Gauge({
    name: 'fib_worker_overrunning_functions',
    help: 'Runs of the function that are past their time limit, or cancelled, and go on now.',
    registers,
    collect() {
      this.set(stats().overrunning);
    },
  });
  new Gauge({
    name: 'fib_worker_state',
    help: '1 for the state that the worker is in, 0 for the others; only consuming is ready.',
    labelNames: ['state'],
    registers,
    collect() {
      for (const one of workerStates) this.set({ state: one }, one === state() ? 1 : 0);
    },
  });
  return {
    contentType: registry.contentType,
    onEvent(event) {
      if (event.type !== 'answered') return;
      const { queue, code } = event;
      const attributes = { rpc_system_name: 'rabbitmq', rpc_method: queue, rpc_status_code: code };
      duration.observe(isWorkerFault(code) ? { ...attributes, error_type: code } : attributes, event.duration / 1_000);
    },
    render: () => registry.metrics(),
  };
}
