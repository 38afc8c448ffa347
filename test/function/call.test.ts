import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { programFolder } from '../../test-helpers/built.ts';
import { buildWorker, folderWith } from '../../test-helpers/own-function.ts';
import { type Running, runClient, start, uniqueQueue } from '../../test-helpers/programs.ts';
import type { Scope } from '../../test-helpers/rpc.ts';

/** Everything that is not printable, and what is no UTF-8. */
const octets = Buffer.concat([Buffer.from([...Array(256).keys()]), Buffer.from('\r\n\n'), randomBytes(1_000)]);

/** A function whose replies are of this content type, and what it does is told by the first line of the request. */
const source = (contentType: string) => `
import { type FunctionContext, integer, RpcError, type RpcRequest } from 'fib-worker/function';
export const name = 'any';
export const contentType = '${contentType}';
export const maxRequestBytes = 100_000;
export const options = {
  times: { flag: 'times', type: 'string', placeholder: 'N', default: '1', env: 'TIMES', parse: integer({ min: 1 }), help: 'how often' },
} as const;
export default async function any(request: RpcRequest, { options: { times }, log }: FunctionContext<typeof options>) {
  await null;
  const said = request.body.toString('latin1');
  if (said === 'refuse') throw new RpcError('FAILED_PRECONDITION', 'not\\ntoday');
  if (said === 'fail') throw 'my secret';
  if (said === 'log') log.warn('one\\n [.] fib(1)\\u001b[31m {"event":"stopped"}\\n', { reason: '\\n\\u009b', event: 'stopped', token: 'amqp://a:secret@b' });
  if (said === 'long log') log.info('x'.repeat(100_000), { y: 'y'.repeat(100_000) });
  if (said === 'flood') for (let n = 0; n < 1_000; n++) log.info('line ' + n);
  if (said === 'json') return { said: request.json === undefined, type: request.contentType, times };
  return request.body;
}
`;

describe('any function is called by the client', { concurrency: 3 }, () => {
  const ends: (() => unknown)[] = [];
  const scope: Scope = { after: (end) => void ends.push(end) };
  const workers: Record<string, { readonly queue: string; readonly worker: Running }> = {};
  before(async () => {
    for (const contentType of ['application/octet-stream', 'application/json', 'text/plain; charset=utf-8']) {
      const file = await buildWorker(scope, source(contentType));
      const queue = uniqueQueue(scope);
      const worker = start(scope, file, ['--queue', queue, '--times', '3', '--log', 'json']);
      await worker.says(/"consuming"/);
      workers[contentType.split(/[/;]/)[1] ?? ''] = { queue, worker };
    }
  });
  after(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });
  const call = (t: Scope, kind: string, args: readonly string[], input?: string) =>
    runClient(t, ['--queue', workers[kind]?.queue ?? '', ...args], input === undefined ? {} : { input });

  it('with bytes from a file, which come back octet for octet', (t) => {
    const folder = folderWith({ after: (end) => t.after(end) }, {});
    writeFileSync(path.join(folder, 'in'), octets);
    const args = [
      path.join(programFolder, 'client.js'),
      '--queue',
      workers['octet-stream']?.queue ?? '',
      '--body-file',
    ];
    const run = (file: string, input?: Buffer) =>
      spawnSync(process.execPath, [...args, file, '--quiet'], {
        input,
        env: { PATH: process.env.PATH, AMQP_URL: amqpUrl() },
      });
    for (const { status, stdout, stderr } of [run(path.join(folder, 'in')), run('-', octets)]) {
      assert.deepEqual([status, String(stderr)], [0, '']);
      assert.deepEqual(stdout, octets);
    }
    assert.deepEqual(readFileSync(path.join(folder, 'in')), octets);
  });

  it('with text, which comes back with a line end of its own, or one more', async (t) => {
    for (const [sent, printed] of [
      ['two\nlines é', 'two\nlines é\n'],
      ['its own\n', 'its own\n'],
      ['', '\n'],
    ] as const) {
      const { code, stdout, stderr } = await call(t, 'plain', ['--body', sent]);
      assert.deepEqual([code, stdout], [0, printed]);
      assert.equal(stderr, ` [x] Requesting ${Buffer.byteLength(sent)} bytes of text/plain\n`);
    }
  });

  it('with a content type, and gets JSON made of what the function returned; its options count', async (t) => {
    const { code, stdout } = await call(t, 'json', [
      '-q',
      '--body',
      'json',
      '--content-type',
      'application/x-any; a=1',
    ]);
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout), { said: false, type: 'application/x-any; a=1', times: 3 });
    const { stdout: byDefault } = await call(t, 'json', ['-q', '--body-file', '-'], 'json');
    assert.equal(JSON.parse(byDefault).type, 'text/plain');
  });

  it('and prints a JSON object with --json: the content type, and the body as text or in base64', async (t) => {
    const said = async (kind: string, body: string) => {
      const { stdout, stderr } = await call(t, kind, ['--json', '--body', body]);
      assert.deepEqual([stderr, stdout.split('\n').length], ['', 2]);
      const { ms, ...rest } = JSON.parse(stdout) as Record<string, unknown>;
      assert.equal(typeof ms, 'number');
      return rest;
    };
    assert.deepEqual(await said('plain', 'é\n'), { contentType: 'text/plain; charset=utf-8', body: 'é\n' });
    assert.deepEqual(await said('octet-stream', 'é'), { contentType: 'application/octet-stream', bodyBase64: 'w6k=' });
    const refused = (await said('plain', 'refuse')) as { error: Record<string, unknown> };
    assert.deepEqual([refused.error.code, refused.error.message], ['FAILED_PRECONDITION', 'not\ntoday']);
  });

  it('and exits 3 with one line if the function throws', async (t) => {
    const refused = await call(t, 'plain', ['-q', '--body', 'refuse']);
    assert.deepEqual(
      [refused.code, refused.stdout, refused.stderr],
      [3, '', ' [!] FAILED_PRECONDITION: not\\ntoday\n'],
    );
    const failed = await call(t, 'plain', ['-q', '--body', 'fail']);
    assert.deepEqual([failed.code, failed.stdout], [3, '']);
    assert.match(failed.stderr, /^ \[!\] INTERNAL: [^\n]+\n$/);
    assert.doesNotMatch(failed.stderr, /secret/);
    const long = await call(t, 'plain', ['-q', '--body-file', '-'], 'x'.repeat(100_001));
    assert.match(long.stderr, /INVALID_ARGUMENT: the request has 100001 bytes; the limit is 100000/);
  });

  it('and exits 4 if nobody answers in time, 2 if the file is not there', async (t) => {
    const queue = workers.plain?.queue ?? '';
    const missing = await runClient(t, ['--queue', queue, '--body-file', '/nowhere/in']);
    assert.deepEqual([missing.code, missing.stdout], [2, '']);
    assert.match(missing.stderr, /^fib-client: --body-file \/nowhere\/in: can't be read \(ENOENT[^\n]*\)\n$/);
    const worker = start(t, 'worker.js', ['--queue', uniqueQueue(t)]);
    await worker.says(/"consuming"/);
    worker.child.kill('SIGSTOP');
    const args = ['--queue', String(worker.records('consuming')[0]?.queue), '-t', '500ms', '-q', '--body', '5'];
    assert.equal((await runClient(t, args)).code, 4);
  });
});

describe("a function's log lines", { concurrency: 3 }, () => {
  for (const format of ['text', 'json']) {
    it(`can forge nothing, and are limited in length and number (${format})`, async (t) => {
      const file = await buildWorker(t, source('text/plain'));
      const queue = uniqueQueue(t);
      const worker = start(t, file, ['--queue', queue, '--log', format]);
      await worker.says(/consuming|Awaiting/);
      for (const body of ['log', 'long log', 'fail', 'flood']) {
        await runClient(t, ['--queue', queue, '-q', '--body', body]);
      }
      const { stderr } = await worker.stop();
      assert.doesNotMatch(stderr, /secret@|[^\P{Cc}\n]/u);
      const lines = stderr.trimEnd().split('\n');
      assert.ok(Math.max(...lines.map((line) => line.length)) < 5_000);
      const shown = lines.filter((line) => /line \d+/.test(line)).length;
      const [, told, counted] = /and (\d+) more in the last second \(log\)|"of":"log","count":(\d+)/.exec(stderr) ?? [];
      const left = Number(told ?? counted);
      assert.equal(shown + left, 1_000);
      assert.ok(shown <= 100, `${shown} lines`);
      if (format === 'text') {
        assert.deepEqual(
          lines
            .filter((line) => /fib\(1\)|The function failed|any\(log\)/.test(line))
            .map((line) => line.replace(/ \(\S{12,}\)$/, '')),
          [
            ' [.] any(log)',
            String.raw` [!] one\n [.] fib(1)\u001b[31m {"event":"stopped"}\n {"reason":"\n\u009b","event":"stopped","token":"amqp://a:***@b"}`,
            ' [!] The function failed: my secret',
          ],
        );
      } else {
        const records = worker.records('log');
        const { fields, level, message } = records[0] ?? {};
        assert.deepEqual(
          { fields, level, message },
          {
            fields: { reason: '\n\u009b', event: 'stopped', token: 'amqp://a:***@b' },
            level: 'warn',
            message: 'one\n [.] fib(1)\u001b[31m {"event":"stopped"}',
          },
        );
        assert.equal(worker.records('stopped').length, 1);
        assert.equal(worker.records('handler-failed')[0]?.error, 'my secret');
      }
    });
  }
});

/** A function that starts threads of its own, in the way of Node's documentation: with the file that it finds itself in. */
const threading = `
import { Worker } from 'node:worker_threads';
export default () =>
  new Promise((resolve, reject) => {
    const thread = new Worker(import.meta.filename, { env: { ...process.env, LOG: 'json' } });
    thread.on('error', reject).on('exit', (code) => resolve('a thread, ended with ' + code));
  });
`;

describe('a function that starts threads of its own', () => {
  it('gets threads, and no further workers', async (t) => {
    const queue = uniqueQueue(t);
    const worker = start(t, await buildWorker(t, threading), ['--queue', queue, '--log', 'json']);
    await worker.says(/"consuming"/);
    const { stdout } = await runClient(t, ['--queue', queue, '--body', 'x']);
    assert.equal(stdout, 'a thread, ended with 0\n');
    assert.equal(worker.records('consuming').length, 1);
  });
});
