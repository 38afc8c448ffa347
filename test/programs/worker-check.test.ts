import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readlinkSync } from 'node:fs';
import net from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { openGate } from '../../test-helpers/gate.ts';
import { cleanUp, deadUrl, type Running, start, startWorker, uniqueQueue } from '../../test-helpers/programs.ts';

const skip = existsSync('/proc/self/ns/mnt') ? false : '--check needs Linux';

/** Asks one worker: others may run on this machine at the same time. */
function check(t: TestContext, worker: Running) {
  return checkPid(t, String(worker.child.pid));
}

function checkPid(t: TestContext, pid: string) {
  return start(t, 'worker.js', ['--check', '--pid', pid], { url: null }).end();
}

/** A process that answers at a worker's name of its own pid. */
const STRANGER = `
  const namespace = /\\d+/.exec(require('node:fs').readlinkSync('/proc/self/ns/mnt'))[0];
  require('node:net').createServer((socket) => socket.end('\\x1b[31mill\\u202e\\n'))
    .listen('\\0fib-worker/' + namespace + '/' + process.pid, () => console.log('listening'));`;

describe('worker.js --check', { skip, concurrency: 3 }, () => {
  it('says ready, and exits 0, of a worker that consumes, without any option of that one', async (t) => {
    const worker = await startWorker(t, ['--queue', uniqueQueue(t)]);
    const { code, stdout, stderr } = await check(t, worker);
    assert.deepEqual([code, stdout, stderr], [0, 'ready\n', '']);
  });

  it('asks the worker, not the broker: a worker whose broker is away is not ready, and is again when it is back', async (t) => {
    const gate = await openGate(t, amqpUrl());
    const worker = await startWorker(t, ['--queue', uniqueQueue(t)], { url: gate.url });
    gate.refuse = true;
    gate.cut();
    await worker.says(/"event":"retrying"/);
    const away = await check(t, worker);
    assert.deepEqual([away.code, away.stdout], [1, '']);
    assert.equal(
      away.stderr,
      `fib-worker: worker ${worker.child.pid}: not ready: disconnected from RabbitMQ (NO_BROKER, see its log)\n`,
    );
    gate.refuse = false;
    await worker.says(/"event":"consuming"/, 2);
    assert.equal((await check(t, worker)).code, 0);
  });

  it('says no of a worker that never reached a broker', async (t) => {
    const worker = start(t, 'worker.js', ['--queue', 'none'], { url: await deadUrl() });
    await worker.says(/"event":"retrying"/);
    const { code, stderr } = await check(t, worker);
    assert.equal(code, 1);
    assert.match(stderr, /^fib-worker: worker \d+: not ready: disconnected [^\n]+\n$/);
  });

  it('says no of a worker that drains', async (t) => {
    const gate = await openGate(t, amqpUrl());
    const worker = await startWorker(t, ['--queue', uniqueQueue(t), '--grace', '10m'], { url: gate.url });
    gate.hold();
    worker.child.kill('SIGTERM');
    await worker.says(/"event":"draining"/);
    const { code, stderr } = await check(t, worker);
    assert.equal(code, 1);
    assert.match(stderr, /draining/);
  });

  it('says no of a worker that stands still, and does not wait for it for ever', async (t) => {
    const worker = await startWorker(t, ['--queue', uniqueQueue(t)]);
    assert.equal((await check(t, worker)).code, 0); // it answers a moment after it consumes, not before
    worker.child.kill('SIGSTOP');
    const { code, stderr } = await check(t, worker);
    assert.equal(code, 1);
    assert.match(stderr, /no answer within 5 s/);
  });

  it('says that there is no worker where there is none, nor any more', async (t) => {
    const worker = await startWorker(t, ['--queue', uniqueQueue(t)]);
    const { pid } = worker.child;
    worker.child.kill('SIGKILL');
    await worker.ended;
    const { code, stderr } = await checkPid(t, String(pid));
    assert.deepEqual([code, stderr], [1, `fib-worker: no worker with the pid ${pid} runs here\n`]);
  });

  it('without --pid asks all that run here: one that is not ready is told of', async (t) => {
    const good = await startWorker(t, ['--queue', uniqueQueue(t)]);
    const bad = start(t, 'worker.js', ['--queue', 'none'], { url: await deadUrl() });
    await bad.says(/"event":"retrying"/);
    const { code, stderr } = await start(t, 'worker.js', ['--check'], { url: null }).end();
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`worker ${bad.child.pid}: not ready`));
    assert.doesNotMatch(stderr, new RegExp(`worker ${good.child.pid}: `));
  });

  it('is not held up by who asks and does not listen, or sends and does not stop', async (t) => {
    const worker = await startWorker(t, ['--queue', uniqueQueue(t)]);
    const namespace = /\d+/.exec(readlinkSync('/proc/self/ns/mnt'))?.[0];
    const sockets = Array.from({ length: 20 }, () => {
      const socket = net.connect(`\0fib-worker/${namespace}/${worker.child.pid}`).on('error', () => {});
      socket.pause();
      socket.write('x'.repeat(100_000));
      return socket;
    });
    cleanUp(t, () => {
      for (const socket of sockets) socket.destroy();
    });
    assert.equal((await check(t, worker)).code, 0);
    assert.equal((await worker.stop()).code, 0);
  });

  it('believes nobody but the process that the name tells of', async (t) => {
    const namespace = /\d+/.exec(readlinkSync('/proc/self/ns/mnt'))?.[0];
    const gone = await startWorker(t, ['--queue', uniqueQueue(t)]);
    gone.child.kill('SIGKILL');
    await gone.ended;
    const worker = await startWorker(t, ['--queue', uniqueQueue(t)]);
    for (const pid of [gone.child.pid, 1]) {
      const forged = net.createServer((socket) => socket.end('ready\n')).listen(`\0fib-worker/${namespace}/${pid}`);
      cleanUp(t, () => forged.close());
      await once(forged, 'listening');
    }
    for (const pid of [gone.child.pid, 1]) {
      const { code, stdout, stderr } = await checkPid(t, String(pid));
      assert.deepEqual([code, stdout], [1, ''], `pid ${pid}`);
      assert.match(stderr, /^fib-worker: no worker with the pid \d+ runs here, [^\n]+\n$/);
    }
    assert.equal((await check(t, worker)).code, 0);
    const all = await start(t, 'worker.js', ['--check'], { url: null }).end();
    assert.doesNotMatch(all.stderr, new RegExp(`worker (${gone.child.pid}|1): `));
  });

  it('believes no other user', {
    skip: process.getuid?.() === 0 ? false : 'needs root, to be two users',
  }, async (t) => {
    const worker = await startWorker(t, ['--queue', uniqueQueue(t)]);
    const stranger = spawn(process.execPath, ['-e', STRANGER], { uid: 65_534, gid: 65_534, cwd: '/' });
    cleanUp(t, () => stranger.kill('SIGKILL'));
    await once(stranger.stdout, 'data');
    const own = await checkPid(t, String(stranger.pid));
    assert.deepEqual([own.code, own.stdout], [1, '']);
    assert.match(own.stderr, /^fib-worker: no worker with the pid \d+ runs here, [^\n]+\n$/);
    const all = await start(t, 'worker.js', ['--check'], { url: null }).end();
    assert.doesNotMatch(all.stderr, new RegExp(`worker ${stranger.pid}: `));
    assert.equal((await check(t, worker)).code, 0);
  });

  it("prints a worker's words escaped", async (t) => {
    const liar = spawn(process.execPath, ['-e', STRANGER]);
    cleanUp(t, () => liar.kill('SIGKILL'));
    await once(liar.stdout, 'data');
    const { code, stderr } = await checkPid(t, String(liar.pid));
    assert.deepEqual([code, stderr], [1, `fib-worker: worker ${liar.pid}: \\u001b[31mill\\u202e\n`]);
  });

  it('takes --pid for itself only', async (t) => {
    const { code, stderr } = await start(t, 'worker.js', ['--pid', '1'], { url: null }).end();
    assert.equal(code, 2);
    assert.match(stderr, /^fib-worker: --pid: [^\n]+--check\n$/);
  });
});
