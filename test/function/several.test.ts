// A worker of one file whose module holds several functions.
import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { RpcClient } from '../../src/index.ts';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { buildWorker } from '../../test-helpers/own-function.ts';
import { start, uniqueQueue } from '../../test-helpers/programs.ts';
import type { Scope } from '../../test-helpers/rpc.ts';

/** One typed function, and one in the plain form. */
const source = (words: string, shout: string) => `
import { defineFunction, integer, type RpcRequest, type StandardSchemaV1 } from 'fib-worker/function';

const text: StandardSchemaV1<string> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) => typeof value === 'string' ? { value } : { issues: [{ message: 'expected a text', path: ['text'] }] },
  },
};

export const words = defineFunction({
  name: 'words',
  queue: '${words}',
  prefetch: 5,
  request: text,
  errors: { RUDE: { code: 'FAILED_PRECONDITION', data: text } },
  options: { least: { flag: 'least', type: 'string', placeholder: 'N', default: '1', parse: integer({ min: 1 }), help: 'letters' } },
  handler: (request, { options: { least } }, { RUDE }) => {
    if (request === 'rude') throw RUDE('not in this house', 'rude');
    return { words: request.split(' ').filter((word) => word.length >= least).length };
  },
});

export const shout = {
  name: 'shout',
  queue: '${shout}',
  maxRequestBytes: 10,
  handler: (request: RpcRequest) => request.text().toUpperCase(),
};
`;

describe('a worker whose module holds several functions', () => {
  const ends: (() => unknown)[] = [];
  const scope: Scope = { after: (end) => void ends.push(end) };
  const queues = { words: uniqueQueue(scope), shout: uniqueQueue(scope) };
  let file = '';
  before(async () => {
    file = await buildWorker(scope, source(queues.words, queues.shout));
  });
  after(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  for (const threads of [0, 2]) {
    it(`serves each on its queue with its prefetch and options, in ${threads} threads`, async (t) => {
      const worker = start(t, file, ['--log', 'json', '--threads', String(threads), '--least', '3']);
      await worker.says(/"consuming"[\s\S]*"consuming"/);
      const consuming = worker.records('consuming').map(({ queue, prefetch }) => [queue, prefetch]);
      assert.deepEqual(Object.fromEntries(consuming), { [queues.words]: 5, [queues.shout]: Math.max(1, threads) });
      const client = new RpcClient(amqpUrl());
      t.after(() => client.close({ grace: 0 }));
      const words = client.function(queues.words);
      assert.deepEqual(await words('be or not to be'), { words: 1 });
      await assert.rejects(words(5), {
        code: 'INVALID_ARGUMENT',
        issues: [{ path: '/text', message: 'expected a text' }],
      });
      await assert.rejects(words('rude'), { code: 'FAILED_PRECONDITION', reason: 'RUDE', data: 'rude' });
      assert.equal((await client.call(queues.shout, 'hey')).text(), 'HEY');
      await assert.rejects(client.call(queues.shout, 'x'.repeat(11)), {
        code: 'INVALID_ARGUMENT',
        reason: 'ERROR_REPLY',
      });
      assert.equal((await worker.stop()).code, 0);
    });
  }

  it('names them all in its help, and refuses a --queue for all of them', async (t) => {
    const { stdout } = await start(t, file, ['--help']).end();
    assert.match(stdout, /Answers requests on RabbitMQ queues by the functions 'shout', 'words'\./);
    assert.match(stdout, /^ +--least N +letters/m);
    const { code, stderr } = await start(t, file, ['--queue', 'q']).end();
    assert.equal(code, 2);
    assert.match(
      stderr,
      /^fib-worker: --queue: each function of this worker has a queue of its own \(.+, .+\); leave it out\n$/,
    );
  });
});
