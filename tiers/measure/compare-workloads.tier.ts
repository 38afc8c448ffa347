import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'node:test';
import { expectNoQueues, folderFor, readJson } from '../../test-helpers/measure/comparison-run.ts';
import { start } from '../../test-helpers/programs.ts';

const designs = ['per-request', 'exclusive', 'direct'];

describe('the workloads of dist/compare.js', () => {
  const every = ['fib-worker', 'floor'].flatMap((name) => designs.map((design) => `${name} ${design}`));
  for (const [only, expected] of [
    ['single,sweep,churn', { single: [1], sweep: [1, 8, 64, 256], churn: [1, 10, 100] }],
    [
      'clients,burst,payload,open',
      { clients: [2, 3], burst: [500], payload: [16, 16_384, 131_072, 1_048_576], open: [50] },
    ],
  ] as const) {
    it(`measures ${only} with every design of the library and of the floor, and leaves no queue`, async (t) => {
      const json = path.join(await folderFor(t), 'a.json');
      const args = [
        '--only',
        only,
        '--rounds',
        '1',
        '--calls',
        '3',
        '--clients',
        '2,3',
        '--rate',
        '50',
        '--json',
        json,
      ];
      const { code, stdout, stderr } = await start(t, 'compare.js', args).end();
      assert.equal(code, 0, stderr);
      const { workloads, broker } = await readJson(json);
      assert.match(broker, /^RabbitMQ \d+\.\d+\.\d+$/);
      const levels = workloads.map((workload) => [workload.name, workload.levels.map(({ level }) => level)]);
      assert.deepEqual(Object.fromEntries(levels), expected);
      for (const { name, levels, headline } of workloads) {
        for (const { entries, title } of levels) {
          const where = `${name}, ${title}`;
          const contenders = entries.map(({ implementation, design }) => `${implementation} ${design}`);
          assert.deepEqual(contenders, every, where);
          for (const { figures, measured } of entries) {
            assert.equal(measured.right, name === 'burst' ? 500 : 3, where);
            assert.deepEqual([measured.calls - measured.right, measured.discarded], [0, 0], where);
            assert.ok((figures[headline]?.median ?? 0) > 0, where);
          }
        }
      }
      for (const contender of every) assert.match(stdout, new RegExp(`^ {2}${contender} +[\\d.]+ `, 'm'));
      assert.match(stdout, /^ {2}request queue +classic, durable/m);
      assert.match(stdout, /^ {2}worker +.*prefetch 100/m);
      assert.match(stderr, /^round 1 of 1, \d+ % of \d+ turns, about /m);
      await expectNoQueues(stderr, 2);
    });
  }

  it('counts what goes over the wire, and writes a page', async (t) => {
    const html = path.join(await folderFor(t), 'a.html');
    const { code, stdout, stderr } = await start(t, 'compare.js', ['--only', 'wire', '--html', html]).end();
    assert.equal(code, 0, stderr);
    for (const contender of every) {
      assert.equal(stdout.match(new RegExp(`^ {2}${contender}( +\\d+){5}$`, 'gm'))?.length, 3, contender);
    }
    assert.match(await readFile(html, 'utf8'), /<svg/);
    await expectNoQueues(stderr, 2);
  });
});
