// Measures the worker's image: what it adds to its base, how long a cold start takes, and the memory of an idle worker.
//
//   docker build -t fib-worker . && node deploy/measure.mjs [IMAGE]      (fib-worker)
//
// Needs docker and Node, and starts a RabbitMQ in a container, which goes with all else in the end. Take a quiet machine.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

const ROUNDS = 15;
const image = process.argv[2] ?? 'fib-worker';
const name = `fib-worker-measure-${process.pid}`;

const docker = (...args) =>
  execFileSync('docker', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 2 ** 24 }).trim();
const workerArgs = ['--network', name, '--env', 'AMQP_URL=amqp://rabbitmq'];

/** The median and the range, in a unit. */
function describe(samples, unit) {
  const sorted = samples.toSorted((a, b) => a - b);
  const shown = [sorted[Math.floor(sorted.length / 2)], sorted[0], sorted.at(-1)].map((value) => Math.round(value));
  return `${shown[0]} ${unit} (median of ${samples.length}; ${shown[1]} to ${shown[2]})`;
}

/**
 * How long a command takes, in ms, until a line of its stderr says that the worker consumes; `end` then ends it. In an image
 * it runs out of its own source.
 */
async function untilConsuming(spawn, once, program, args, end) {
  const began = performance.now();
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let text = '';
  for await (const chunk of child.stderr) {
    text += chunk;
    if (text.includes('"event":"consuming"')) break;
  }
  const took = performance.now() - began;
  if (!text.includes('"event":"consuming"')) throw new Error(`${program} ${args.join(' ')}: never consuming: ${text}`);
  const exited = child.exitCode === null ? once(child, 'exit') : undefined;
  end(child);
  await exited;
  return took;
}

/** The same inside of a container, without Docker's own time: `node worker.js` again and again. */
function insideContainer() {
  const source = `const { spawn } = require('node:child_process'); const { once } = require('node:events');
    ${untilConsuming}
    (async () => {
      for (let round = 0; round < ${ROUNDS}; round += 1)
        console.log(await untilConsuming(spawn, once, process.execPath, ['worker.js'], (child) => child.kill()));
    })();`;
  return docker('run', '--rm', ...workerArgs, '--entrypoint', 'node', image, '-e', source)
    .split('\n')
    .map(Number);
}

async function waitForRabbit() {
  const limit = Date.now() + 60_000;
  while (!docker('logs', `${name}-rabbitmq`).includes('Server startup complete')) {
    if (Date.now() > limit) throw new Error(`RabbitMQ did not start:\n${docker('logs', `${name}-rabbitmq`)}`);
    await sleep(500);
  }
}

async function measure() {
  const size = (what) => Number(docker('image', 'inspect', '--format', '{{.Size}}', what));
  const label = '{{index .Config.Labels "org.opencontainers.image.base.name"}}';
  const base = docker('image', 'inspect', '--format', label, image);
  console.log(`image: ${(size(image) / 1e6).toFixed(1)} MB, of which ${base} ${(size(base) / 1e6).toFixed(1)} MB`);
  console.log(`  ours: ${((size(image) - size(base)) / 1e3).toFixed(1)} kB`);

  docker('network', 'create', name);
  docker(
    'run',
    '--detach',
    '--name',
    `${name}-rabbitmq`,
    '--network',
    name,
    '--network-alias',
    'rabbitmq',
    'rabbitmq:4',
  );
  await waitForRabbit();

  const runs = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const args = ['run', '--rm', '--name', `${name}-${round}`, ...workerArgs, image];
    runs.push(await untilConsuming(spawn, once, 'docker', args, () => docker('stop', `${name}-${round}`)));
  }
  console.log(`from docker run to consuming: ${describe(runs, 'ms')}`);
  console.log(`from node worker.js to consuming: ${describe(insideContainer(), 'ms')}`);

  docker('run', '--detach', '--name', `${name}-worker`, ...workerArgs, image);
  await sleep(10_000); // idle for a while
  const status = docker('exec', `${name}-worker`, 'cat', '/proc/1/status');
  const rss = (field) => (Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024) / 1e6;
  const used = docker('stats', '--no-stream', '--format', '{{.MemUsage}}', `${name}-worker`).split(' ')[0];
  console.log(`an idle worker: ${rss('VmRSS').toFixed(0)} MB resident, ${rss('RssAnon').toFixed(0)} MB of it its own`);
  console.log(`  (the rest is Node's program file, which all workers share); docker stats says ${used}`);
}

try {
  await measure();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  for (const container of [`${name}-worker`, `${name}-rabbitmq`])
    if (docker('ps', '--all', '--quiet', '--filter', `name=^${container}$`))
      docker('rm', '--force', '--volumes', container);
  if (docker('network', 'ls', '--quiet', '--filter', `name=^${name}$`)) docker('network', 'rm', name);
}
