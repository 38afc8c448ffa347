import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { endWith, exitOnBrokenPipe, onCrash, onShutdown, say } from '../../src/cli/process.ts';

// Each test's program is this file again, told by a variable which one to be: so the code under test runs in a process
// of its own without a second bundle.
const programs: Record<string, () => void> = {
  'drains for long': () => {
    const working = setInterval(() => {}, 1000);
    onShutdown(async (signal) => {
      console.log(`draining after ${signal}`);
      await new Promise((resolve) => setTimeout(resolve, 60_000));
      clearInterval(working);
    });
    console.log('ready');
  },
  'drains at once': () => {
    const working = setInterval(() => {}, 1000);
    onShutdown(() => clearInterval(working));
    console.log('ready');
  },
  'fails to drain': () => {
    setInterval(() => {}, 1000);
    onShutdown(() => Promise.reject(new Error('cannot drain')));
    console.log('ready');
  },
  'no longer listens': () => {
    setInterval(() => {}, 1000);
    onShutdown(() => console.log('never'))();
    console.log('ready');
  },
  'has nothing to do': () => {
    onShutdown(() => {});
    console.log('ready');
  },
  crashes: () => {
    onCrash((error) => endWith('a program', error));
    console.log('ready');
    process.stderr.write(`${'before '.repeat(100_000)}\n`);
    const faultyTimer = () => {
      throw new RangeError(`lost \x1b[31m${'x'.repeat(5_000_000)}`);
    };
    for (let n = 0; n < 5; n++) setTimeout(faultyTimer, 0);
    void Promise.reject(new Error('nobody waits for it'));
    setInterval(() => {}, 1000);
  },
  'prints for ever': () => {
    exitOnBrokenPipe();
    setInterval(() => console.log('y'), 1);
  },
};

const role = process.env.CLI_TEST_PROGRAM;
if (role) programs[role]?.();
else tests();

async function start(name: string): Promise<ChildProcessWithoutNullStreams> {
  // The runner's own variable would make the child speak the runner's protocol.
  const env = { ...process.env, CLI_TEST_PROGRAM: name, NODE_TEST_CONTEXT: undefined };
  const child = spawn(process.execPath, [process.argv[1] ?? ''], { env });
  await once(child.stdout, 'data');
  return child;
}

async function ended(child: ChildProcessWithoutNullStreams): Promise<unknown[]> {
  return once(child, 'exit');
}

function tests(): void {
  describe('on the first signal a program', { concurrency: true }, () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      it(`stops and exits 0 when it is done (${signal})`, async () => {
        const child = await start('drains at once');
        child.kill(signal);
        assert.deepEqual(await ended(child), [0, null]);
      });
    }

    it('exits 1 and says why if it cannot stop', async () => {
      const child = await start('fails to drain');
      let stderr = '';
      child.stderr.on('data', (chunk) => {
        stderr += chunk;
      });
      child.kill('SIGTERM');
      assert.deepEqual(await ended(child), [1, null]);
      assert.match(stderr, /cannot drain/);
    });
  });

  describe('on the second signal a program', { concurrency: true }, () => {
    const cases = [
      ['SIGTERM', 'SIGTERM', 143],
      ['SIGINT', 'SIGINT', 130],
      ['SIGTERM', 'SIGINT', 130],
    ] as const;
    for (const [first, second, code] of cases) {
      it(`exits at once with ${code} (${first}, then ${second}), having begun to stop once`, async () => {
        const child = await start('drains for long');
        child.kill(first);
        const [line] = await once(child.stdout, 'data');
        assert.equal(`${line}`, `draining after ${first}\n`);
        child.kill(second);
        assert.deepEqual(await ended(child), [code, null]);
      });
    }
  });

  describe('the listeners for signals', { concurrency: true }, () => {
    it('keep no process alive', async () => {
      assert.deepEqual(await ended(await start('has nothing to do')), [0, null]);
    });

    it('are gone once disposed of', async () => {
      const before = process.listenerCount('SIGTERM');
      onShutdown(() => {})();
      assert.equal(process.listenerCount('SIGTERM'), before);
      const child = await start('no longer listens');
      child.kill('SIGTERM');
      assert.deepEqual(await ended(child), [null, 'SIGTERM']);
    });
  });

  describe('a program that crashes', () => {
    it('says why once, whole and escaped, behind what it said before, and exits 1', async () => {
      const child = await start('crashes');
      const [stderr, end] = await Promise.all([child.stderr.setEncoding('utf8').toArray(), ended(child)]);
      assert.deepEqual(end, [1, null]);
      const [before, first, ...rest] = stderr.join('').split('\n');
      assert.equal(before?.length, 700_000);
      assert.match(first ?? '', /^a program: .*(nobody waits for it|lost )/);
      assert.ok(rest.join('').length < 15_000);
      assert.doesNotMatch([first, ...rest].join(''), /\p{Cc}/u);
    });
  });

  describe('what a program says', () => {
    it('is safe to print, a line at a time, without passwords', (t) => {
      const write = t.mock.method(process.stderr, 'write', () => true);
      say('from a server: \x1b[31m\nand amqp://user:hunter2@host');
      assert.deepEqual(write.mock.calls[0]?.arguments, ['from a server: \\u001b[31m\nand amqp://user:***@host\n']);
    });
  });

  describe('a program whose output nobody reads any more', () => {
    it('ends quietly with 0', async () => {
      const child = await start('prints for ever');
      let stderr = '';
      child.stderr.on('data', (chunk) => {
        stderr += chunk;
      });
      child.stdout.destroy();
      assert.deepEqual(await ended(child), [0, null]);
      assert.equal(stderr, '');
    });

    it('is not what another error means: a full disk ends it with 1', () => {
      const stream = new PassThrough();
      const codes: number[] = [];
      const dispose = exitOnBrokenPipe(stream, (code) => codes.push(code));
      stream.emit('error', Object.assign(new Error('no space'), { code: 'ENOSPC' }));
      assert.deepEqual(codes, [1]);
      dispose();
      assert.equal(stream.listenerCount('error'), 0);
    });
  });
}
