import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { httpServer, openGate } from '../../test-helpers/gate.ts';
import {
  cleanUp,
  deadUrl,
  type Result,
  runClient,
  start,
  startWorker,
  uniqueQueue,
  urlWith,
} from '../../test-helpers/programs.ts';
import { openRaw } from '../../test-helpers/rpc.ts';

const PASSWORD = 'tr0ub4dor&3';

/** How often a test is tried that this machine was too slow for. */
const ATTEMPTS = 10;

/** A queue that nobody consumes. */
async function idleQueue(t: TestContext): Promise<string> {
  const queue = uniqueQueue(t);
  const { channel } = await openRaw({ after: (end) => cleanUp(t, end) });
  await channel.queueDeclare({ queue, durable: true });
  return queue;
}

/** Runs the client with half a second for its call; again if this machine was too slow to connect in that time. */
async function runBriefly(t: TestContext, args: readonly string[]): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    const result = await runClient(t, [...args, '-t', '500ms', '30']);
    if (result.code !== 6 || attempt === ATTEMPTS) return result;
  }
}

describe('a wrong use of the client is exit code 2 and one line, before it looks for a broker', {
  concurrency: 3,
}, () => {
  const wrong: readonly (readonly [args: readonly string[], env: Readonly<Record<string, string>>, named: RegExp])[] = [
    [['--no-such-thing'], {}, /unknown option --no-such-thing/],
    [['--timout', '5s'], {}, /did you mean --timeout\?/],
    [['--timeout', '5'], {}, /--timeout "5": .*5s or 5ms/],
    [['-t', '0s'], {}, /-t "0s"/],
    [['--timeout'], {}, /--timeout needs a value/],
    [['--concurrency', '0'], {}, /--concurrency "0"/],
    [['--reply', 'pigeon'], {}, /--reply "pigeon": .*direct, exclusive, per-request/],
    [['--queue', ''], {}, /--queue ""/],
    [['--queue', 'q'.repeat(256)], {}, /queue: .*256 bytes/],
    [['--json', '--quiet'], {}, /--json and --quiet/],
    [['--json=yes'], {}, /--json takes no value/],
    [['--body', 'x'], {}, /--body is the whole request: take it, or n/],
    [['--body-file', '-'], {}, /--body-file is the whole request/],
    [['--content-type', 'text/html'], {}, /--content-type needs --body or --body-file/],
    [['--content-type', 'html', '--body', 'x'], {}, /--content-type "html": expected a content type such as/],
    [['--body', 'x', '--body-file', 'y'], {}, /--body and --body-file: take one of them/],
    [['--url', 'http://127.0.0.1'], {}, /--url/],
    [['--ca', '/nowhere/ca.pem'], {}, /--ca \/nowhere\/ca\.pem/],
    [[], { RPC_TIMEOUT: 'soon' }, /RPC_TIMEOUT "soon"/],
    [[], { RPC_CONCURRENCY: '-1' }, /RPC_CONCURRENCY "-1"/],
    [[], { RPC_REPLY: 'pigeon' }, /RPC_REPLY "pigeon"/],
    [[], { RPC_RETRY: 'perhaps' }, /RPC_RETRY "perhaps"/],
    [[], { AMQP_URL: 'localhost' }, /AMQP_URL/],
  ];
  for (const [args, env, named] of wrong) {
    it(
      [...Object.entries(env).map((pair) => pair.join('=')), ...args.map((arg) => arg.slice(0, 30))].join(' '),
      async (t) => {
        const url = await deadUrl();
        const { code, stdout, stderr } = await runClient(t, ['30', ...args], { url, env });
        assert.deepEqual([code, stdout], [2, ''], stderr);
        assert.match(stderr, /^fib-client: [^\n]+\n$/);
        assert.match(stderr, named);
      },
    );
  }
});

describe('where there is no broker for it the client exits 6, with one line that says what to do', {
  concurrency: 3,
}, () => {
  it('nothing listens', async (t) => {
    const url = await deadUrl();
    const { code, stdout, stderr } = await runClient(t, ['30'], { url });
    assert.deepEqual([code, stdout], [6, '']);
    const host = new URL(url).host.replaceAll('.', '\\.');
    const line = `UNAVAILABLE: no RabbitMQ answers at ${host} \\(ECONNREFUSED\\): start one there, or give the URL of yours[^\\n]*`;
    assert.match(stderr, new RegExp(`^ \\[x\\] Requesting fib\\(30\\)\\n \\[!\\] fib\\(30\\): ${line}\\n$`));
  });

  it('the password is wrong, and is never shown', async (t) => {
    const url = urlWith({ username: 'guest', password: encodeURIComponent(PASSWORD) });
    const { code, stdout, stderr } = await runClient(t, ['--verbose', '30'], { url });
    assert.deepEqual([code, stdout], [6, '']);
    assert.match(stderr, /UNAUTHENTICATED: .*refused the user 'guest' \(ACCESS_REFUSED\): wrong user or password/);
    for (const secret of [PASSWORD, encodeURIComponent(PASSWORD)]) assert.ok(!stderr.includes(secret), stderr);
  });

  it('the virtual host is not there', async (t) => {
    const { code, stderr } = await runClient(t, ['30'], { url: urlWith({ pathname: '/no-such-vhost' }) });
    assert.equal(code, 6);
    assert.match(stderr, /PERMISSION_DENIED: .*virtual host 'no-such-vhost'/);
  });

  it('what listens hangs up', async (t) => {
    const gate = await openGate(t, amqpUrl());
    gate.refuse = true;
    const { code, stderr } = await runClient(t, ['30'], { url: gate.url });
    assert.equal(code, 6);
    assert.match(stderr, /^[^\n]*\n \[!\] fib\(30\): UNAVAILABLE: [^\n]*\n$/);
  });

  it('an HTTP server listens, as on the port of the management plugin', async (t) => {
    const { code, stderr } = await runClient(t, ['30'], { url: await httpServer(t) });
    assert.equal(code, 6);
    assert.match(stderr, /^[^\n]*\n \[!\] fib\(30\): UNAVAILABLE: [^\n]*\bport\b[^\n]*\n$/);
  });

  it('--verbose adds the cause, without a stack', async (t) => {
    const { stderr } = await runClient(t, ['--verbose', '30'], { url: await deadUrl() });
    assert.match(stderr, /^ {5}caused by: .*ECONNREFUSED/m);
    assert.doesNotMatch(stderr, /^ +at /m);
  });

  it('--json tells it as an object, with the causes if --verbose', async (t) => {
    const { stdout, stderr } = await runClient(t, ['--json', '--verbose', '30'], { url: await deadUrl() });
    const { n, error } = JSON.parse(stdout) as { n: string; error: Record<string, unknown> };
    assert.deepEqual([n, error.code, error.reason, stderr], ['30', 'UNAVAILABLE', 'NO_BROKER', '']);
    assert.match(String(error.causes), /ECONNREFUSED/);
  });
});

// They mostly wait: so all three at a time.
describe('the client', { concurrency: 3 }, () => {
  describe('where nobody consumes the queue', { concurrency: 3 }, () => {
    it('says so, waits until the time limit, and exits 4', async (t) => {
      const queue = await idleQueue(t);
      const { code, stdout, stderr } = await runClient(t, ['--queue', queue, '--timeout', '5s', '30']);
      assert.deepEqual([code, stdout], [4, '']);
      assert.match(stderr, new RegExp(`^ \\[!\\] No worker consumes '${queue}' \\(1 waiting\\)`, 'm'));
      assert.match(stderr, /^ \[!\] fib\(30\): DEADLINE_EXCEEDED: no reply from .* within [\d.]+ m?s: [^\n]+$/m);
      assert.equal(stderr.match(/No worker consumes/g)?.length, 1);
    });

    it('gets its answer if a worker comes in time', async (t) => {
      const queue = await idleQueue(t);
      const client = start(t, 'client.js', ['--queue', queue, '--timeout', '600s', '17'], { input: '' });
      await client.says(/No worker consumes/);
      await startWorker(t, ['--queue', queue]);
      const { code, stdout } = await client.end();
      assert.deepEqual([code, stdout], [0, ' [.] Got 1597\n']);
    });

    it('leaves nothing behind: the broker removes the request that nobody waits for any more', async (t) => {
      const queue = await idleQueue(t);
      assert.equal((await runBriefly(t, ['--queue', queue, '-q'])).code, 4);
      const worker = await startWorker(t, ['--queue', queue]);
      await runClient(t, ['--queue', queue, '1']);
      await worker.stop();
      assert.equal(worker.records('stopped')[0]?.requests, 1);
    });

    for (const how of ['--quiet', '--json']) {
      it(`exits 4 with ${how}, too`, async (t) => {
        const { code, stdout, stderr } = await runBriefly(t, ['--queue', await idleQueue(t), how]);
        assert.equal(code, 4);
        assert.match(how === '--json' ? stdout : stderr, /DEADLINE_EXCEEDED/);
      });
    }
  });

  describe('where there is no such queue', { concurrency: 3 }, () => {
    for (const reply of ['direct', 'exclusive', 'per-request']) {
      it(`asks again for a moment, says so, and exits 5 (--reply ${reply})`, async (t) => {
        const queue = uniqueQueue(t);
        const { code, stdout, stderr } = await runClient(t, ['--queue', queue, '--reply', reply, '-t', '30s', '30']);
        assert.deepEqual([code, stdout], [5, '']);
        assert.match(stderr, new RegExp(`There is no queue '${queue}' yet; asking again for 3 s`));
        assert.match(
          stderr,
          new RegExp(`^ \\[!\\] fib\\(30\\): UNAVAILABLE: there is no queue '${queue}' [^\\n]*$`, 'm'),
        );
        assert.equal(stderr.match(/asking again/g)?.length, 1);
      });
    }

    it('says so once, however many numbers are asked for', async (t) => {
      const { code, stderr } = await runClient(t, ['--queue', uniqueQueue(t), '-t', '30s', '1', '2', '3']);
      assert.equal(code, 5);
      assert.equal(stderr.match(/asking again/g)?.length, 1);
    });

    it('finds a worker that starts within that moment', async (t) => {
      for (let attempt = 1; ; attempt++) {
        const queue = uniqueQueue(t);
        const gate = await openGate(t, amqpUrl());
        gate.hold();
        const worker = start(t, 'worker.js', ['--queue', queue], { url: gate.url });
        await gate.connected(); // the worker is about to start
        const began = performance.now();
        const client = start(t, 'client.js', ['--queue', queue, '-t', '30s', '18'], { input: '' });
        await client.says(/asking again/);
        gate.open();
        const { code, stdout } = await client.end();
        const asked = performance.now() - began >= 3_000; // as long as it says
        const tooSlow = code === 5 && asked && worker.records('consuming').length === 0;
        if (tooSlow && attempt < ATTEMPTS) continue;
        assert.deepEqual([code, stdout], [0, ' [.] Got 2584\n']);
        return;
      }
    });
  });

  describe('where a broker accepts the connection but says nothing', { concurrency: 4 }, () => {
    it('gives up at the time limit, and exits 6', async (t) => {
      const gate = await openGate(t, amqpUrl());
      gate.hold();
      const { code, stderr } = await runClient(t, ['-t', '500ms', '30'], { url: gate.url });
      assert.equal(code, 6);
      assert.match(stderr, /DEADLINE_EXCEEDED: not sent within 500 ms: there was no connection to RabbitMQ/);
    });

    for (const reply of ['direct', 'exclusive', 'per-request']) {
      it(`gives up at the time limit, and exits 4, although it was connected (--reply ${reply})`, async (t) => {
        const gate = await openGate(t, amqpUrl());
        const queue = uniqueQueue(t);
        await startWorker(t, ['--queue', queue]);
        const client = start(t, 'client.js', ['--queue', queue, '--reply', reply, '-q', '-t', '5s', '-'], {
          url: gate.url,
        });
        client.child.stdin.write('10\n');
        await client.prints(/^55\n/);
        gate.hold();
        client.child.stdin.end('11\n');
        const { code, stdout, stderr } = await client.end();
        assert.deepEqual([code, stdout], [4, '55\n']);
        assert.match(stderr, /^ \[!\] fib\(11\): DEADLINE_EXCEEDED: [^\n]*\n$/);
      });
    }
  });
});
