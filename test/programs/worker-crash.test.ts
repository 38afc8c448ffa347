import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { build, buildWorker, folderWith } from '../../test-helpers/own-function.ts';
import { type Running, start, uniqueQueue } from '../../test-helpers/programs.ts';

/** A function that fails in ways that nobody can catch; what it throws is as long as it is told. */
const SOURCE = `import type { RpcRequest } from 'fib-worker/function';
export default function crashing(request: RpcRequest) {
  const [how, length] = request.text().split(' ');
  const text = 'lost ' + '\\u001b'.repeat(Number(length));
  function faultyTimer() {
    throw new RangeError(text);
  }
  if (how === 'timer') setTimeout(faultyTimer, 0);
  if (how === 'several') for (let n = 0; n < 5; n++) setTimeout(faultyTimer, 0);
  if (how === 'rejection') void Promise.reject(new RangeError(text));
  if (how === 'text') void Promise.reject(text);
  return new Promise(() => {});
}
`;

async function crash(t: TestContext, file: string, request: string, log: string): Promise<Running> {
  const queue = uniqueQueue(t);
  const worker = start(t, file, ['--queue', queue, '--log', log]);
  await worker.says(/"event":"consuming"|Awaiting RPC requests/);
  const client = start(t, 'client.js', ['--queue', queue, '--body', request]);
  await worker.end();
  await client.stop();
  return worker;
}

describe('a worker whose function fails where nobody can catch it', { concurrency: 3 }, () => {
  it('logs one record, crashed, with the error, and exits 1', async (t) => {
    const file = await buildWorker(t, SOURCE);
    for (const request of ['timer 0', 'several 0', 'rejection 0', 'text 0', 'timer 5000000', 'rejection 5000000']) {
      const worker = await crash(t, file, request, 'json');
      const { code, stderr } = await worker.end();
      assert.equal(code, 1, request);
      const [record, ...others] = worker.records('crashed') as { error: Record<string, unknown>; message: string }[];
      assert.deepEqual(others, [], request);
      assert.match(String(record?.error.message), /lost /, request);
      assert.equal(record?.message, 'Crashed', request);
      if (/timer/.test(request)) assert.equal(record?.error.name, 'RangeError');
      if (/timer 0/.test(request))
        assert.match(String(record?.error.stack), /at .*faultyTimer .*\(.*worker\.js:\d+:\d+\)/);
      const longest = Math.max(...stderr.split('\n').map((line) => line.length));
      assert.ok(longest < 50_000, `${request}: a line of ${longest} characters`);
      assert.ok(stderr.endsWith('}\n'), `${request}: ${stderr.slice(-200)}`);
    }
  });

  it('says so in a line for people, with the functions that it came from', async (t) => {
    const worker = await crash(t, await buildWorker(t, SOURCE), 'timer 0', 'text');
    assert.match(worker.stderr, /^ \[!\] Crashed: RangeError: lost ; at .*faultyTimer [^\n]*\([^\n]*\)[^\n]*\n/m);
  });

  it('shows no more than a short line of the bundle where it fails before there is a log', async (t) => {
    const source = `setTimeout(() => {}, 60_000);\nprocess.nextTick(() => { throw new Error('early'); });\nexport default () => 1;\n`;
    const folder = folderWith(t, { 'fn.ts': source });
    await build(folder, ['fn.ts', '--outfile', 'worker.js']); // it says that it could not be checked
    const { code, stderr } = await start(t, path.join(folder, 'worker.js'), []).end();
    assert.equal(code, 1);
    assert.match(stderr, /early/);
    assert.ok(stderr.length < 5_000, `${stderr.length} characters`);
  });
});
