import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measureWorker } from '../../src/programs/worker/metrics.ts';
import { RpcWorker } from '../../src/worker/worker.ts';
import { parseMetrics } from '../../test-helpers/prometheus.ts';

test('the metrics of a worker have an error_type for its own failures, and none for what it refused', async () => {
  const worker = new RpcWorker();
  const metrics = measureWorker({ version: '', stats: () => worker.stats(), state: () => 'consuming' });
  for (const code of ['OK', 'INVALID_ARGUMENT', 'INTERNAL'] as const)
    metrics.onEvent({ type: 'answered', queue: 'a', code, detail: '', duration: 1 });
  const { samples = [] } = parseMetrics(await metrics.render()).get('rpc_server_call_duration_seconds') ?? {};
  const counts = samples.filter(({ name }) => name.endsWith('_count'));
  assert.deepEqual(
    counts.map(({ labels }) => [labels.rpc_status_code, labels.error_type]),
    [
      ['OK', undefined],
      ['INVALID_ARGUMENT', undefined],
      ['INTERNAL', 'INTERNAL'],
    ],
  );
});
