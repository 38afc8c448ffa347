import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import {
  expectNoQueues,
  folderFor,
  inspect,
  queuesIn,
  readJson,
  withConnection,
} from '../../test-helpers/measure/comparison-run.ts';
import { deadUrl, start } from '../../test-helpers/programs.ts';

describe('dist/compare.js', () => {
  it('measures what it is asked to only, and calls a winner or none after six rounds', async (t) => {
    const args = ['--only', 'single', '--rounds', '6', '--calls', '5', '--prefetch', '3', '--queue-type', 'quorum'];
    const { code, stdout, stderr } = await start(t, 'compare.js', args).end();
    assert.equal(code, 0, stderr);
    const told = '(takes less|takes more|no difference shown) \\([\\d.]+ ×, [\\d.]+ to [\\d.]+\\)';
    for (const name of ['fib-worker', 'floor']) {
      const sentence = `^${name}, p50 ms: per-request beside exclusive: ${told}; direct beside exclusive: ${told}\\.$`;
      assert.match(stdout, new RegExp(sentence, 'm'));
    }
    assert.doesNotMatch(stdout, /in flight\n|disconnect\n|wire/);
    assert.match(stdout, /prefetch 3/);
    assert.match(stdout, /^ {2}request queue +quorum, durable/m);
    await expectNoQueues(stderr, 2);
  });

  it('measures other projects’ clients and workers if asked to', async (t) => {
    const args = ['--peers', '--only', 'single', '--rounds', '1', '--calls', '3'];
    const { code, stdout, stderr } = await start(t, 'compare.js', args).end();
    assert.equal(code, 0, stderr);
    for (const name of ['rabbitmq-client', 'amqplib', 'amqp-client']) {
      assert.match(stdout, new RegExp(`^ {2}${name} [a-z-]+ +[\\d.]+ .* 3 +0 +0$`, 'm'));
      assert.match(stdout, new RegExp(`^ {2}${name} +.*\\d+\\.\\d+\\.\\d+`, 'm')); // its version
    }
    await expectNoQueues(stderr, 5);
  });

  it('adds a network’s round trips if asked to', async (t) => {
    const folder = await folderFor(t);
    const json = path.join(folder, 'a.json');
    const args = ['--rtt', '20ms', '--only', 'single', '--rounds', '1', '--calls', '3', '--json', json];
    const { code, stdout, stderr } = await start(t, 'compare.js', args).end();
    assert.equal(code, 0, stderr);
    for (const { implementation, design, figures } of (await readJson(json)).workloads[0]?.levels[0]?.entries ?? []) {
      assert.ok((figures.p50?.median ?? 0) >= 20, `${implementation} ${design}`);
    }
    assert.match(stdout, /^ {2}network +a proxy on this machine adds 20 ms/m);
  });

  it('prints what it has when it is interrupted, writes it, and cleans up', async (t) => {
    const folder = await folderFor(t);
    const json = path.join(folder, 'a.json');
    const args = ['--only', 'single', '--rounds', '1000', '--calls', '5', '--json', json];
    const compare = start(t, 'compare.js', args);
    await compare.says(/round 3 of 1000/);
    const { code, stdout, stderr } = await compare.stop('SIGINT');
    assert.equal(code, 130, stderr);
    assert.match(stdout, /^RabbitMQ \S+ \(cut short: interrupted by SIGINT\)$/m);
    assert.match(stdout, /^ {2}floor direct +[\d.]+ /m);
    assert.equal((await readJson(json)).cutShort, 'interrupted by SIGINT');
    await expectNoQueues(stderr, 2);
  });

  it('leaves no worker even if it is killed, and so the queues expire', async (t) => {
    const compare = start(t, 'compare.js', ['--only', 'single', '--rounds', '1000', '--calls', '5']);
    await compare.says(/round 1 of 1000/);
    const queues = queuesIn(compare.stderr);
    assert.equal(queues.length, 2);
    await compare.stop('SIGKILL');
    for (const queue of queues) {
      while ((await inspect(queue))?.consumerCount) await delay(50);
      // what is left of the wait is the broker's x-expires
      await withConnection(async (connection) => (await connection.openChannel()).queueDelete(queue));
    }
  });

  it('shows again what it wrote, and sets two runs side by side', async (t) => {
    const folder = await folderFor(t);
    const files = ['a.json', 'b.json'].map((name) => path.join(folder, name));
    let first = '';
    for (const file of files) {
      const args = ['--only', 'single', '--rounds', '1', '--calls', '3', '--json', file];
      const { stdout } = await start(t, 'compare.js', args).end();
      first ||= stdout;
    }
    const shown = await start(t, 'compare.js', ['show', files[0] ?? ''], { url: null }).end();
    assert.deepEqual([shown.code, shown.stdout], [0, first]);
    const diff = await start(t, 'compare.js', ['diff', ...files], { url: null }).end();
    assert.equal(diff.code, 0, diff.stderr);
    assert.match(diff.stdout, /fib-worker direct/);
  });

  it('says in a line what is wrong with its options, with a file, or with the broker', async (t) => {
    const folder = await folderFor(t);
    const garbage = path.join(folder, 'garbage.json');
    await writeFile(garbage, '{}');
    const say = async (args: string[], url?: string | null) => {
      const { code, stdout, stderr } = await start(t, 'compare.js', args, url === undefined ? {} : { url }).end();
      assert.equal(stdout, '');
      assert.match(stderr, /^fib-compare: [^\n]+\n$/);
      return `${code} ${stderr}`;
    };
    assert.match(await say(['--only', 'everything']), /^2 .*--only.*single, sweep, churn.*wire/);
    assert.match(await say(['show', garbage]), /^2 .*garbage\.json/);
    assert.match(await say(['show', path.join(folder, 'none.json')]), /^2 .*no such file.*none\.json/);
    assert.match(await say(['diff', garbage]), /^2 /);
    assert.match(await say(['contrast', garbage]), /^2 .*expected show FILE or diff FILE FILE, got contrast/);
    assert.match(await say(['--json', path.join(folder, 'no', 'a.json')]), /^2 .*--json .*there is no folder /);
    assert.match(await say([], await deadUrl()), /^1 .*AMQP_URL: /);
  });
});
