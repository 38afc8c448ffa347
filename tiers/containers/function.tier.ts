import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, it } from 'node:test';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { programFolder } from '../../test-helpers/built.ts';
import { docker, runWorker } from '../../test-helpers/containers.ts';
import { cleanUp, runClient, uniqueQueue } from '../../test-helpers/programs.ts';

const checkout = path.join(programFolder, '..');
const IMAGE = 'fib-worker:test-function';

describe("an image of one's own function", () => {
  it('is made by --build-arg FUNCTION, and serves it', async (t) => {
    await docker('build', '--quiet', '--build-arg', 'FUNCTION=templates/my-function.ts', '--tag', IMAGE, checkout);
    cleanUp(t, () => docker('rmi', IMAGE));
    const queue = uniqueQueue(t);
    const place = ['--network', 'host', '--env', `AMQP_URL=${amqpUrl()}`];
    const worker = await runWorker(t, place, ['--queue', queue], IMAGE);
    await worker.says(/"event":"consuming"/);
    const call = ['--queue', queue, '--content-type', 'application/json', '--body', '{"text":"to be or not to be"}'];
    const { code, stdout, stderr } = await runClient(t, call);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /"words":6,"different":4/);
  });

  it('of a file that is not there is not made', async () => {
    const build = docker('build', '--force-rm', '--build-arg', 'FUNCTION=nothing.ts', checkout);
    await assert.rejects(build, /fib-worker\.js build/); // the builders show its line in ways of their own
  });
});
