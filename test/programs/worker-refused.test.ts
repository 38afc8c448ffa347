import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { httpServer, openGate } from '../../test-helpers/gate.ts';
import { deadUrl, runClient, start, startWorker, uniqueQueue, urlWith } from '../../test-helpers/programs.ts';

const PASSWORD = 'tr0ub4dor&3';

/** The first line that tells of an attempt that failed. */
function failure(stderr: string): string {
  return stderr.split('\n').find((line) => line.includes('next attempt')) ?? '';
}

describe('a worker that the broker refuses', { concurrency: 3 }, () => {
  for (const format of ['text', 'json'] as const) {
    it(`for a wrong password says so in a line, keeps trying, and never shows the password (${format})`, async (t) => {
      const url = urlWith({ username: 'guest', password: encodeURIComponent(PASSWORD) });
      const worker = start(t, 'worker.js', ['--queue', uniqueQueue(t), '--log', format], { url });
      await worker.says(format === 'text' ? /next attempt/ : /"event":"retrying"/, 2);
      const { code, stdout, stderr } = await worker.stop();
      assert.equal(code, 0);
      assert.match(stderr, /refused the user 'guest' \(ACCESS_REFUSED\)/);
      assert.match(stderr, /wrong user or password; correct the URL or the user/);
      for (const secret of [PASSWORD, encodeURIComponent(PASSWORD), Buffer.from(PASSWORD).toString('base64')]) {
        assert.ok(!`${stdout}${stderr}`.includes(secret), `the output holds ${secret}`);
      }
      if (format === 'json') assert.equal(worker.records('retrying')[0]?.code, 'UNAUTHENTICATED');
    });
  }

  it('for a user that there is not says so, and keeps trying', async (t) => {
    const url = urlWith({ username: 'nobody.here', password: PASSWORD });
    const worker = start(t, 'worker.js', ['--queue', uniqueQueue(t), '--log', 'text'], { url });
    await worker.says(/next attempt/, 2);
    assert.match(failure(worker.stderr), /refused the user 'nobody\.here' \(ACCESS_REFUSED\)/);
    assert.equal((await worker.stop()).code, 0);
  });

  it('for a virtual host that there is not says which, what to do, and keeps trying', async (t) => {
    const url = urlWith({ pathname: '/no-such-vhost' });
    const worker = start(t, 'worker.js', ['--queue', uniqueQueue(t), '--log', 'text'], { url });
    await worker.says(/next attempt/, 2);
    const line = failure(worker.stderr);
    assert.match(line, /virtual host 'no-such-vhost'/);
    assert.match(line, /rabbitmqctl list_vhosts/);
    assert.equal((await worker.stop()).code, 0);
  });
});

describe('a worker without a broker', { concurrency: 3 }, () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`says so, keeps trying, and exits 0 on ${signal}`, async (t) => {
      const url = await deadUrl();
      const worker = start(t, 'worker.js', ['--queue', 'none', '--log', 'text'], { url });
      await worker.says(/next attempt/, 2);
      const line = failure(worker.stderr);
      assert.ok(line.includes(`no RabbitMQ answers at ${new URL(url).host} (ECONNREFUSED)`), line);
      assert.match(line, /start one there, or give the URL of yours/);
      assert.equal((await worker.stop(signal)).code, 0);
    });
  }

  it('names every URL that it tried', async (t) => {
    const urls = [await deadUrl(), await deadUrl()];
    const worker = start(t, 'worker.js', ['--queue', 'none', '--log', 'text'], { url: urls.join(',') });
    await worker.says(/next attempt/);
    for (const url of urls) assert.ok(failure(worker.stderr).includes(new URL(url).host), worker.stderr);
  });

  it('whose broker accepts but never answers exits 0 on SIGTERM at once', async (t) => {
    const gate = await openGate(t, amqpUrl());
    gate.hold();
    const worker = start(t, 'worker.js', ['--queue', 'none'], { url: gate.url });
    await gate.connected();
    assert.equal((await worker.stop()).code, 0);
    assert.equal(worker.records('retrying').length, 0);
  });

  it('finds an HTTP server, as on the port of the management plugin, says so and keeps trying', async (t) => {
    const worker = start(t, 'worker.js', ['--queue', 'none', '--log', 'text'], { url: await httpServer(t) });
    await worker.says(/\bport\b.*next attempt/, 2);
    const { code, stderr } = await worker.stop();
    assert.equal(code, 0);
    assert.doesNotMatch(stderr, /^ +at /m);
  });

  it('finds the broker when it comes', async (t) => {
    const gate = await openGate(t, amqpUrl());
    gate.refuse = true;
    const queue = uniqueQueue(t);
    const worker = start(t, 'worker.js', ['--queue', queue, '--log', 'text'], { url: gate.url });
    await worker.says(/next attempt/, 2);
    gate.refuse = false;
    await worker.says(/Awaiting RPC requests/);
    assert.equal((await runClient(t, ['--queue', queue, '-q', '15'])).stdout, '610\n');
  });

  it('that lost its connection says so, and answers again by a new one', async (t) => {
    const gate = await openGate(t, amqpUrl());
    const queue = uniqueQueue(t);
    const worker = await startWorker(t, ['--queue', queue, '--log', 'text'], { url: gate.url });
    gate.cut();
    await worker.says(/Awaiting RPC requests/, 2);
    assert.match(worker.stderr, /^ \[!\] the connection to RabbitMQ was lost/m);
    assert.equal((await runClient(t, ['--queue', queue, '-q', '16'])).stdout, '987\n');
  });
});
