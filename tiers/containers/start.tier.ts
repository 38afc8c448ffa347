import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { before, it } from 'node:test';
import { buildImage, docker, IMAGE, startNetwork, startRabbit } from '../../test-helpers/containers.ts';
import { ownerLabels } from '../../test-helpers/leftovers.ts';
import { cleanUp } from '../../test-helpers/programs.ts';
import type { Scope } from '../../test-helpers/rpc.ts';

const ROUNDS = 15;

const CACHED = 'fib-worker:test-compile-cache';

/** What a build stage could add to the image: the code that V8 made of the worker's file while it looked for a broker. */
const dockerfile = `FROM ${IMAGE}
ENV NODE_COMPILE_CACHE=/app/cache
USER root
RUN mkdir cache && chown 1000:1000 cache
USER 1000:1000
RUN node worker.js --url amqp://127.0.0.1:1 & sleep 5; kill -TERM $!; wait; test -n "$(find cache -type f)"
`;

before(buildImage);

it('from docker run to consuming: with a compile cache in the image, and as it is', async (t) => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'fib-worker-cache-'));
  cleanUp(t, () => rm(folder, { recursive: true }));
  await writeFile(path.join(folder, 'Dockerfile'), dockerfile);
  cleanUp(t, () => docker('image', 'rm', '--force', CACHED));
  await docker('build', '--quiet', '--tag', CACHED, folder);
  const network = await startNetwork(t);
  await startRabbit(t, { network });
  const times: Record<string, number[]> = { [IMAGE]: [], [CACHED]: [] };
  for (let round = 0; round < ROUNDS; round++)
    for (const [image, list] of Object.entries(times)) list.push(await timeToConsuming(t, image, network));
  for (const [image, list] of Object.entries(times)) {
    const [least, median, most] = [0, ROUNDS >> 1, ROUNDS - 1].map((at) => list.sort((a, b) => a - b)[at]?.toFixed());
    const size = await docker('image', 'inspect', '--format', '{{.Size}}', image);
    t.diagnostic(`${image}: ${median} ms (median of ${ROUNDS}; ${least} to ${most}), ${size} bytes`);
    assert.equal(list.length, ROUNDS);
  }
});

/** Runs a worker, on a read-only file system, until it consumes; the time that took, in ms. */
async function timeToConsuming(t: Scope, image: string, network: string): Promise<number> {
  const name = `fib-worker-test-${randomUUID()}`;
  cleanUp(t, () => docker('rm', '--force', name));
  const labels = Object.entries(ownerLabels()).flatMap(([label, value]) => ['--label', `${label}=${value}`]);
  const began = performance.now();
  const run = spawn('docker', ['run', '--read-only', '--name', name, '--network', network, ...labels, image]);
  const took = await new Promise<number>((resolve, reject) => {
    let log = '';
    run.stderr.on('data', (chunk) => {
      log += chunk;
      if (log.includes('"event":"consuming"')) resolve(performance.now() - began);
    });
    run.on('error', reject).on('close', () => reject(new Error(`it ended before it consumed: ${log}`)));
  });
  await docker('kill', name);
  return took;
}
