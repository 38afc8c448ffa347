import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { buildWorker, checkout } from '../../test-helpers/own-function.ts';
import { runClient, start, uniqueQueue } from '../../test-helpers/programs.ts';

const failing = `
export const name = 'failing';
export default (request, { log }) => {
  log.info('about to fail');
  throw new Error('of the function');
};
`;

describe("a worker's log", () => {
  it('has a line for each failure that a client prints, found by the id, and says which program it is of', async (t) => {
    const queue = uniqueQueue(t);
    const args = ['--queue', queue, '--threads', '1', '--log', 'json', '--log-requests'];
    const worker = start(t, await buildWorker(t, failing), args, { env: { OTEL_SERVICE_NAME: 'prices' } });
    await worker.says(/"consuming"/);
    const { stderr } = await runClient(t, ['--queue', queue, '--quiet', '--body', 'x']);
    const [, id = ''] = /^ \[!\] INTERNAL: .*; the worker's log says why \((\S{12,})\)\n$/.exec(stderr) ?? [];
    assert.notEqual(id, '', stderr);
    const { stdout } = await runClient(t, ['--queue', queue, '--json', '--body', 'x']);
    const other = JSON.parse(stdout).error.correlationId;
    await worker.stop();
    for (const one of [id, other]) {
      const about = worker.records().filter(({ correlationId }) => correlationId === one);
      assert.deepEqual(
        about.map(({ event }) => event),
        ['request', 'log', 'handler-failed', 'refused'],
      );
    }
    const { version } = JSON.parse(readFileSync(path.join(checkout, 'package.json'), 'utf8'));
    const instance = `${hostname()}:${worker.child.pid}`;
    for (const record of worker.records())
      assert.deepEqual([record.service, record.version, record.instance], ['prices', version, instance]);
  });

  it('says nothing twice in a record', async (t) => {
    const queue = uniqueQueue(t);
    const worker = start(t, await buildWorker(t, failing), ['--queue', queue, '--log', 'json', '--log-requests']);
    await worker.says(/"consuming"/);
    await runClient(t, ['--queue', queue, '--quiet', '--body', 'the body']);
    await worker.stop();
    for (const record of worker.records()) {
      const texts = stringsIn(record).filter((text) => text.length > 3 && text !== 'fib-worker');
      const twice = texts.filter((text, index) => texts.some((other, at) => at !== index && other.includes(text)));
      assert.deepEqual(twice, [], JSON.stringify(record));
    }
  });

  it('has its ids on a terminal, too, and leaves out what is less than its level', async (t) => {
    const queue = uniqueQueue(t);
    const worker = start(t, 'worker.js', ['--queue', queue, '--log', 'text'], { env: { LOG_LEVEL: 'warn' } });
    const { stderr } = await runClient(t, ['--queue', queue, '--quiet', '--verbose', 'none']);
    const [, id] = /\((\S{12,})\)\n$/.exec(stderr) ?? [];
    await worker.stop();
    assert.match(worker.stderr, /^ \[!\] INVALID_ARGUMENT: [^\n]*\n$/);
    assert.ok(worker.stderr.endsWith(` (${id})\n`), worker.stderr);
  });

  it('knows its levels', async (t) => {
    const { code, stderr } = await start(t, 'worker.js', ['--log-level', 'loud']).end();
    assert.deepEqual([code, stderr], [2, 'fib-worker: --log-level "loud": expected one of info, warn, error\n']);
  });
});

function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsIn) : [];
}
