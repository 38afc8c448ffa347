import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { deadUrl, runClient, start, startWorker, uniqueQueue } from '../../test-helpers/programs.ts';

let folder = '';
let files = 0;

async function fileWith(content: string): Promise<string> {
  const file = path.join(folder, `amqp-url-${++files}`);
  await writeFile(file, content);
  return file;
}

describe('the URL in a file', { concurrency: 3 }, () => {
  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'fib-worker-url-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const [what, end] of [
    ['without a line end', ''],
    ['with one', '\n'],
    ['with one as on Windows', '\r\n'],
  ] as const) {
    it(`is read by worker and client ${what}, as a Docker secret is mounted`, async (t) => {
      const queue = uniqueQueue(t);
      const file = await fileWith(amqpUrl() + end);
      await startWorker(t, ['--queue', queue], { url: null, env: { AMQP_URL_FILE: file } });
      const client = await runClient(t, ['--queue', queue, '--url-file', file, '-q', '10'], { url: null });
      assert.deepEqual([client.code, client.stdout], [0, '55\n'], client.stderr);
    });
  }

  it('may be several, with commas', async (t) => {
    const queue = uniqueQueue(t);
    const file = await fileWith(`${await deadUrl()}, ${amqpUrl()}\n`);
    await startWorker(t, ['--queue', queue, '--url-file', file], { url: null });
  });

  const wrong: readonly (readonly [string, string, RegExp])[] = [
    ['is empty', '\n', /expected an AMQP URL such as .*, but it is empty/],
    ['holds two lines', 'amqp://a\namqp://b', /expected an AMQP URL such as .*, but it has several lines/],
    ['holds something else', 'localhost:5672', /expected an AMQP URL such as .*, but it does not begin with amqp:/],
  ];
  for (const [what, content, line] of wrong) {
    it(`is a wrong use of worker and client if the file ${what}`, async (t) => {
      const file = await fileWith(content);
      for (const program of ['worker', 'client']) {
        const args = ['--url-file', file];
        const { code, stdout, stderr } = await start(t, `${program}.js`, args, { url: null, input: '' }).end();
        assert.deepEqual([code, stdout], [2, ''], stderr);
        assert.ok(stderr.startsWith(`fib-${program}: --url-file ${file}: `), stderr);
        assert.match(stderr, line);
      }
    });
  }

  it('is a wrong use of worker and client if there is no such file, or if the URL is given, too', async (t) => {
    for (const program of ['worker', 'client']) {
      const missing = await start(t, `${program}.js`, ['--url-file', '/nowhere/url'], { url: null, input: '' }).end();
      assert.equal(missing.code, 2);
      assert.match(missing.stderr, /^fib-\w+: --url-file \/nowhere\/url: can't be read \(ENOENT: [^\n]+\)\n$/);
      const variable = { url: null, env: { AMQP_URL_FILE: '/nowhere/url' }, input: '' };
      const byVariable = await start(t, `${program}.js`, [], variable).end();
      assert.match(byVariable.stderr, /^fib-\w+: AMQP_URL_FILE \/nowhere\/url: can't be read \(ENOENT/);
      const env = { AMQP_URL_FILE: await fileWith(amqpUrl()) };
      const both = await start(t, `${program}.js`, [], { env, input: '' }).end();
      assert.equal(both.code, 2);
      assert.match(
        both.stderr,
        /^fib-\w+: --url \(AMQP_URL\) and --url-file \(AMQP_URL_FILE\): both are given; take one/,
      );
    }
  });
});
