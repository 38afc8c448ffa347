import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { SpanKind } from '@opentelemetry/api';
import { programFolder } from '../../test-helpers/built.ts';
import { build, checkout, folderWith } from '../../test-helpers/own-function.ts';
import { start, uniqueQueue } from '../../test-helpers/programs.ts';
import { openClient } from '../../test-helpers/rpc.ts';

const PARENT = 'b7ad6b7169203331';
const headers = { traceparent: `00-0af7651916cd43dd8448eb211c80319c-${PARENT}-01` };
const sdk = path.join(checkout, 'test-helpers/preloaded-sdk.mjs');
const preloaded = { env: { NODE_OPTIONS: `--import=${sdk}` } };

describe('a worker whose process has an OpenTelemetry SDK', { concurrency: 2 }, () => {
  it('makes a span of each request, below that of its caller, and exports the last of them before it ends', async (t) => {
    const queue = uniqueQueue(t);
    const worker = start(t, 'worker.js', ['--queue', queue], preloaded);
    await worker.says(/"event":"consuming"/);
    assert.equal((await openClient(t).client.call(queue, '12', { headers })).text(), '144');
    const { code, stdout } = await worker.stop();
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout), { name: queue, kind: SpanKind.SERVER, parent: PARENT });
  });

  it('does so also where its function has started the SDK, all in one file', async (t) => {
    const source = `import './sdk.mjs';\nexport default () => 'fine';\n`;
    const folder = folderWith(t, { 'fn.ts': source, 'sdk.mjs': readFileSync(sdk, 'utf8') });
    symlinkSync(path.join(checkout, 'node_modules'), path.join(folder, 'node_modules'));
    assert.equal((await build(folder, ['fn.ts', '--outfile', 'worker.js'])).code, 0);
    const alone = folderWith(t, {});
    copyFileSync(path.join(folder, 'worker.js'), path.join(alone, 'worker.js'));
    const queue = uniqueQueue(t);
    const worker = start(t, path.join(alone, 'worker.js'), ['--queue', queue]);
    await worker.says(/"event":"consuming"/);
    assert.equal((await openClient(t).client.call(queue, 'x', { headers })).text(), 'fine');
    const { code, stdout } = await worker.stop();
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout), { name: queue, kind: SpanKind.SERVER, parent: PARENT });
  });

  it('says so, and answers without traces, where it finds no @opentelemetry/api beside it', async (t) => {
    const alone = folderWith(t, {});
    copyFileSync(path.join(programFolder, 'worker.js'), path.join(alone, 'worker.js'));
    const queue = uniqueQueue(t);
    const worker = start(t, path.join(alone, 'worker.js'), ['--queue', queue], preloaded);
    await worker.says(/"event":"consuming"/);
    assert.match(worker.stderr, /"event":"no-telemetry".*npm install it beside the worker/);
    assert.equal((await openClient(t).client.call(queue, '12', { headers })).text(), '144');
    const { code, stdout } = await worker.stop();
    assert.deepEqual([code, stdout], [0, '']);
  });
});
