import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, it } from 'node:test';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { programFolder } from '../../test-helpers/built.ts';
import { docker, runWorker } from '../../test-helpers/containers.ts';
import { cleanUp, runClient, uniqueQueue } from '../../test-helpers/programs.ts';
import { priceWorker } from '../package/own-project.ts';
import { Project, pack } from '../package/project.ts';

const checkout = path.join(programFolder, '..');
const IMAGE = 'fib-worker:test-function';

describe("an image of one's own function", () => {
  it('is made by --build-arg FUNCTION, and serves it', async (t) => {
    await docker(
      'build',
      '--quiet',
      '--build-arg',
      'FUNCTION=examples/price-worker/src/tax.ts',
      '--tag',
      IMAGE,
      checkout,
    );
    cleanUp(t, () => docker('rmi', IMAGE));
    const queue = uniqueQueue(t);
    const place = ['--network', 'host', '--env', `AMQP_URL=${amqpUrl()}`];
    const worker = await runWorker(t, place, ['--queue', queue], IMAGE);
    await worker.says(/"event":"consuming"/);
    const { code, stdout, stderr } = await runClient(t, ['--queue', queue, '--body', '90']);
    assert.deepEqual([code, stdout], [0, '17\n'], stderr);
  });

  it('holds Node and one file, in examples/price-worker, which needs no checkout', async (t) => {
    const project = new Project();
    t.after(() => project.remove());
    const example = await priceWorker(t, await pack(project));
    const image = `${IMAGE}-price`;
    await docker('build', '--quiet', '--tag', image, example.folder);
    cleanUp(t, () => docker('rmi', image));
    assert.equal(await docker('run', '--rm', '--entrypoint', 'ls', image, '/app'), 'worker.js');
    const place = ['--network', 'host', '--read-only', '--env', `AMQP_URL=${amqpUrl()}`];
    const worker = await runWorker(t, place, [], image);
    await worker.says(/"consuming","queue":"price"/);
    const { code, stdout, stderr } = await runClient(t, ['--queue', 'price', '--body', '{"sku": "pear", "count": 2}']);
    assert.deepEqual([code, stdout], [0, '{"cents":90}\n'], stderr);
    await docker('exec', worker.name, 'node', 'worker.js', '--check');
  });

  it('of a file that is not there is not made', async () => {
    const build = docker('build', '--force-rm', '--build-arg', 'FUNCTION=nothing.ts', checkout);
    await assert.rejects(build, /fib-worker\.js build/); // the builders show its line in ways of their own
  });
});
