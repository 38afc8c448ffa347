import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type RunOptions, runClient, start, startWorker, uniqueQueue } from '../../test-helpers/programs.ts';

describe('the client', { concurrency: 3 }, () => {
  it("prints the tutorial's lines: the request on standard error, the answer on standard output", async (t) => {
    const queue = uniqueQueue(t);
    await startWorker(t, ['--queue', queue]);
    assert.deepEqual(await runClient(t, ['--queue', queue, '30']), {
      code: 0,
      signal: null,
      stdout: ' [.] Got 832040\n',
      stderr: ' [x] Requesting fib(30)\n',
    });
  });

  it('asks for fib(30) if nothing else is asked for', async (t) => {
    const queue = uniqueQueue(t);
    await startWorker(t, ['--queue', queue]);
    const { stdout, stderr } = await runClient(t, ['--queue', queue]);
    assert.deepEqual([stdout, stderr], [' [.] Got 832040\n', ' [x] Requesting fib(30)\n']);
  });

  it('prints the answers in the order of the numbers, whichever comes first', async (t) => {
    const queue = uniqueQueue(t);
    const busy = await startWorker(t, ['--queue', queue, '--algorithm', 'recursive', '--log', 'text']);
    const client = start(t, 'client.js', ['--queue', queue, '--quiet', '--timeout', '600s', '-']);
    client.child.stdin.write('34\n');
    await busy.says(/fib\(34\)/);
    busy.child.kill('SIGSTOP'); // it has the first request, and takes its time
    const idle = await startWorker(t, ['--queue', queue, '--log', 'text']);
    client.child.stdin.end('3\n2\n4\n');
    await idle.says(/fib\(4\)/);
    assert.equal(client.stdout, '');
    busy.child.kill('SIGCONT');
    const { code, stdout } = await client.end();
    assert.deepEqual([code, stdout], [0, '5702887\n2\n1\n3\n']);
  });

  it('prints the bare number with --quiet, and nothing else', async (t) => {
    const queue = uniqueQueue(t);
    await startWorker(t, ['--queue', queue]);
    for (const flag of ['--quiet', '-q']) {
      const { stdout, stderr } = await runClient(t, ['--queue', queue, flag, '9', '10']);
      assert.deepEqual([stdout, stderr], ['34\n55\n', '']);
    }
  });

  it('prints a JSON object a line with --json, and nothing else', async (t) => {
    const queue = uniqueQueue(t);
    await startWorker(t, ['--queue', queue]);
    const { code, stdout, stderr } = await runClient(t, ['--queue', queue, '--json', '100', '-7']);
    assert.deepEqual([code, stderr], [3, '']);
    const [good, bad, end] = stdout.split('\n');
    const answer = JSON.parse(good ?? '') as Record<string, unknown>;
    assert.deepEqual(answer, { n: '100', result: '354224848179261915075', ms: answer.ms });
    assert.equal(typeof answer.ms, 'number');
    const { n, error } = JSON.parse(bad ?? '') as { n: string; error: Record<string, unknown> };
    assert.deepEqual([n, error.code, error.reason], ['-7', 'INVALID_ARGUMENT', 'ERROR_REPLY']);
    assert.equal(end, '');
  });

  it('prints nothing that could meddle with the terminal, on any request', async (t) => {
    const queue = uniqueQueue(t);
    await startWorker(t, ['--queue', queue]);
    const { code, stderr } = await runClient(t, ['--queue', queue, '\x1b[31m\r\n\u202e7']);
    assert.equal(code, 3);
    assert.doesNotMatch(stderr, /[^\P{Cc}\n]|\p{Bidi_Control}/u);
    assert.equal(stderr.split('\n').length, 3, stderr);
  });

  it('prints its help, with the exit codes, and its version on standard output', async (t) => {
    const help = await runClient(t, ['--help'], { url: null });
    assert.equal(help.code, 0);
    assert.match(help.stdout, /^Usage: [\s\S]*Exit codes: 0 [\s\S]* 6 no broker/);
    const version = await runClient(t, ['--version'], { url: null });
    assert.match(version.stdout, /^fib-client \d+\.\d+\.\d+\S*\n$/);
    assert.deepEqual([help.stderr, version.stderr], ['', '']);
  });

  const given: readonly (readonly [
    what: string,
    args: (queue: string) => string[],
    env: (queue: string) => RunOptions['env'],
  ])[] = [
    ['--queue', (queue) => ['--queue', queue], () => ({})],
    ['RPC_QUEUE', () => [], (queue) => ({ RPC_QUEUE: queue })],
    [
      '--queue, although RPC_QUEUE says otherwise',
      (queue) => ['--queue', queue],
      () => ({ RPC_QUEUE: 'test.programs.other' }),
    ],
    [
      '--queue, with every other variable set',
      (queue) => ['--queue', queue],
      () => ({ RPC_REPLY: 'exclusive', RPC_TIMEOUT: '50s', RPC_CONCURRENCY: '1', RPC_RETRY: 'no' }),
    ],
  ];
  for (const [what, args, env] of given) {
    it(`asks on the queue that it was given by ${what}`, async (t) => {
      const queue = uniqueQueue(t);
      await startWorker(t, ['--queue', queue]);
      const { code, stdout } = await runClient(t, [...args(queue), '-q', '6', '7'], { env: env(queue) ?? {} });
      assert.deepEqual([code, stdout], [0, '8\n13\n']);
    });
  }
});

describe('the client that reads numbers from standard input', { concurrency: 3 }, () => {
  it('answers each line as it comes: the first answer is there before the second line', async (t) => {
    const queue = uniqueQueue(t);
    await startWorker(t, ['--queue', queue]);
    const client = start(t, 'client.js', ['--queue', queue, '-q', '-']);
    client.child.stdin.write('10\n');
    await client.prints(/^55\n$/);
    client.child.stdin.write('11\n');
    await client.prints(/^55\n89\n$/);
    client.child.stdin.end('12');
    const { code, stdout } = await client.end();
    assert.deepEqual([code, stdout], [0, '55\n89\n144\n']);
  });

  it('answers many lines in order, with either line end', async (t) => {
    const queue = uniqueQueue(t);
    await startWorker(t, ['--queue', queue, '--prefetch', '20']);
    const input = Array.from({ length: 500 }, (_, i) => i % 20);
    const args = ['--queue', queue, '-q', '--concurrency', '50', '-'];
    const { code, stdout } = await runClient(t, args, { input: `${input.join('\r\n')}\n` });
    const fib = [0, 1];
    for (let i = 2; i < 20; i++) fib.push((fib[i - 1] ?? 0) + (fib[i - 2] ?? 0));
    assert.equal(code, 0);
    assert.equal(stdout, input.map((n) => `${fib[n]}\n`).join(''));
  });

  it('exits 0 and asks for nothing if there is no line', async (t) => {
    assert.deepEqual(await runClient(t, ['--queue', uniqueQueue(t), '-'], { input: '' }), {
      code: 0,
      signal: null,
      stdout: '',
      stderr: '',
    });
  });

  it('takes numbers among the arguments, too, in their place', async (t) => {
    const queue = uniqueQueue(t);
    await startWorker(t, ['--queue', queue]);
    const { stdout } = await runClient(t, ['--queue', queue, '-q', '1', '-', '10'], { input: '5\n6\n' });
    assert.equal(stdout, '1\n5\n8\n55\n');
  });

  it('refuses an empty line as it does any other wrong number', async (t) => {
    const queue = uniqueQueue(t);
    await startWorker(t, ['--queue', queue]);
    const { code, stdout, stderr } = await runClient(t, ['--queue', queue, '-q', '-'], { input: '5\n\n6\n' });
    assert.deepEqual([code, stdout], [3, '5\n8\n']);
    assert.match(stderr, /the request is empty/);
  });

  it('goes on answering when nobody reads its standard error any more', async (t) => {
    const queue = uniqueQueue(t);
    await startWorker(t, ['--queue', queue]);
    const client = start(t, 'client.js', ['--queue', queue, '-']);
    client.child.stdin.write('10\n');
    await client.prints(/ 55\n/);
    client.child.stderr.destroy();
    client.child.stdin.end('11\n12\n');
    const { code, stdout } = await client.end();
    assert.deepEqual([code, stdout], [0, ' [.] Got 55\n [.] Got 89\n [.] Got 144\n']);
  });

  it('ends quietly when nobody reads its answers any more', async (t) => {
    const queue = uniqueQueue(t);
    await startWorker(t, ['--queue', queue]);
    const client = start(t, 'client.js', ['--queue', queue, '-q', '-']);
    client.child.stdin.write('10\n');
    await client.prints(/^55\n/);
    client.child.stdout.destroy(); // as head -1 does
    client.child.stdin.write('11\n12\n');
    const { code, signal, stderr } = await client.end();
    assert.deepEqual([code, signal, stderr], [0, null, '']);
  });
});
