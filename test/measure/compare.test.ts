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

describe('dist/compare.js', { concurrency: 3 }, () => {
  it('measures what it is asked to alone, and answers', async (t) => {
    const args = [
      '--only',
      'open',
      '--rate',
      '200',
      '--rounds',
      '6',
      '--calls',
      '5',
      '--prefetch',
      '3',
      '--queue-type',
      'quorum',
      '--verbose',
    ];
    const { code, stdout, stderr } = await start(t, 'compare.js', args).end();
    assert.equal(code, 0, stderr);
    const verdict = '(better|worse|within ±10 %|not settled)';
    for (const name of ['fib-worker', 'floor'])
      assert.match(
        stdout,
        new RegExp(`^ {2}${name} direct .* [\\d.]+ \\[[\\d.]+ to [\\d.]+\\] ${verdict} .* 30 +0$`, 'm'),
      );
    assert.doesNotMatch(stdout, /calls per life\n|what goes over/);
    assert.match(stdout, /prefetch 3/);
    assert.match(stdout, /^ {2}request queues +quorum, durable/m);
    const lines = stdout.trimEnd().split('\n').slice(-5);
    assert.match(lines[0] ?? '', /^Should replies come by Direct Reply-To\? RabbitMQ \d/);
    assert.match(lines[2] ?? '', /^Clients that stay: /);
    await expectNoQueues(stderr, 2);
  });

  it('adds a network’s round trips if asked to', async (t) => {
    const folder = await folderFor(t);
    const json = path.join(folder, 'a.json');
    const args = ['--rtt', '20ms', '--only', 'busy', '--rounds', '1', '--calls', '3', '--json', json, '--verbose'];
    const { code, stdout, stderr } = await start(t, 'compare.js', args).end();
    assert.equal(code, 0, stderr);
    const { samples } = await readJson(json);
    assert.equal(samples.length, 6);
    for (const { contender, figures } of samples) assert.ok((figures.p50 ?? 0) >= 25, contender);
    assert.match(stdout, /^ {2}network +a proxy on this machine adds 20 ms/m);
  });

  it('prints what it has when it is interrupted, writes it, and cleans up', async (t) => {
    const folder = await folderFor(t);
    const json = path.join(folder, 'a.json');
    const args = ['--only', 'busy', '--rounds', '1000', '--calls', '5', '--json', json];
    const compare = start(t, 'compare.js', args);
    await compare.says(/round 3 of 1000/);
    const { code, stdout, stderr } = await compare.stop('SIGINT');
    assert.equal(code, 130, stderr);
    assert.match(stdout, /^RabbitMQ \S+ \(cut short: interrupted by SIGINT\)$/m);
    assert.match(stdout, /^ {2}fib-worker direct +[\d.]+ /m);
    const { cutShort, samples } = await readJson(json);
    assert.equal(cutShort, 'interrupted by SIGINT');
    assert.ok(samples.length >= 12);
    await expectNoQueues(stderr, 2);
  });

  it('leaves no worker even if it is killed, and so the queues expire', async (t) => {
    const compare = start(t, 'compare.js', ['--only', 'busy', '--rounds', '1000', '--calls', '5']);
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
      const args = ['--only', 'busy', '--rounds', '1', '--calls', '3', '--json', file];
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
    assert.match(await say(['--only', 'everything']), /^2 .*--only.*life, clients, flight.*wire/);
    assert.match(
      await say(['--only', 'waiting']),
      /^2 .*--only waiting: expected one of life.* without --implementations/,
    );
    assert.match(await say(['show', garbage]), /^2 .*garbage\.json/);
    assert.match(
      await say(['show', path.join(folder, 'none.json')]),
      /^2 .*none\.json: can't be read \(ENOENT: no such file/,
    );
    assert.match(await say(['diff', garbage]), /^2 /);
    assert.match(
      await say(['contrast', garbage]),
      /^2 .*expected show FILE, diff FILE FILE, table FILE…, answer FILE…, picture FILE or schema, got "contrast"/,
    );
    assert.match(await say(['--json', path.join(folder, 'no', 'a.json')]), /^2 .*--json .*there is no such folder/);
    const url = 'amqp://u:hunter2 hunter2\x1b@h';
    for (const args of [[url], ['show', url], ['--html', `${url}/a.html`], ['contrast', 'amqp://u:hunter2']])
      assert.match(await say(args), /^2 (?!.*hunter2)[^\p{Cc}]*amqp:\/\/u:\*\*\*/u);
    assert.match(await say([], await deadUrl()), /^1 .*AMQP_URL: /);
  });
});
