import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runClient, startWorker, uniqueQueue } from '../../test-helpers/programs.ts';

/** fib(n) by plain addition: another way than the worker's. */
function fibonacci(n: number): bigint {
  let [a, b] = [0n, 1n];
  for (let i = 0; i < n; i++) [a, b] = [b, a + b];
  return a;
}

const NUMBERS = [30, 0, 1, 93, 1_000, 100_000] as const;

const refusals: Readonly<Record<string, RegExp>> = {
  '-1': /n must be written without a sign/,
  '+1': /n must be written without a sign/,
  '1.5': /n must be a whole number in ASCII decimal digits/,
  '1e3': /n must be a whole number in ASCII decimal digits/,
  '': /the request is empty/,
  ' 7': /n must be written without spaces/,
  '7 ': /n must be written without spaces/,
  '007': /n must be written without leading zeros/,
  '00': /n must be written without leading zeros/,
  '0x10': /n must be a whole number in ASCII decimal digits/,
  '30n': /n must be a whole number in ASCII decimal digits/,
  '٣٠': /n must be a whole number in ASCII decimal digits/,
  '100001': /n must be at most 100000/,
  '99999999999999999999999999': /n must be at most 100000/,
  [`1${'0'.repeat(64)}`]: /65 bytes; the limit is 64/,
};

describe('the answer', { concurrency: 3 }, () => {
  for (const reply of ['direct', 'exclusive', 'per-request']) {
    it(`is right for ${NUMBERS.join(', ')} with --reply ${reply}`, async (t) => {
      const queue = uniqueQueue(t);
      await startWorker(t, ['--queue', queue]);
      const { code, stdout, stderr } = await runClient(t, [
        '--queue',
        queue,
        '--reply',
        reply,
        '-q',
        ...NUMBERS.map(String),
      ]);
      assert.equal(code, 0, stderr);
      assert.deepEqual(
        stdout.trimEnd().split('\n'),
        NUMBERS.map((n) => String(fibonacci(n))),
      );
    });

    it(`is a refusal that says which rule was broken with --reply ${reply}`, async (t) => {
      const queue = uniqueQueue(t);
      await startWorker(t, ['--queue', queue]);
      const args = ['--queue', queue, '--reply', reply, '--json', '--', ...Object.keys(refusals)];
      const { code, stdout, stderr } = await runClient(t, args);
      assert.equal(code, 3);
      assert.equal(stderr, '');
      const answers = stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as { n: string; error: { code: string; message: string } });
      assert.deepEqual(
        answers.map(({ n }) => n),
        Object.keys(refusals),
      );
      for (const { n, error } of answers) {
        assert.equal(error.code, 'INVALID_ARGUMENT', n);
        assert.match(error.message, refusals[n] as RegExp);
      }
    });
  }

  for (const [request, rule] of Object.entries(refusals)) {
    it(`to ${JSON.stringify(request.slice(0, 30))} is exit code 3 and one line with the rule`, async (t) => {
      const queue = uniqueQueue(t);
      await startWorker(t, ['--queue', queue]);
      const { code, stdout, stderr } = await runClient(t, ['--queue', queue, '--quiet', '--', request]);
      assert.deepEqual([code, stdout], [3, '']);
      assert.match(stderr, /^ \[!\] fib\([^\n]*\): INVALID_ARGUMENT: [^\n]*\n$/);
      assert.match(stderr, rule);
    });
  }

  it('to a negative number needs no --', async (t) => {
    const queue = uniqueQueue(t);
    await startWorker(t, ['--queue', queue]);
    const { code, stderr } = await runClient(t, ['--queue', queue, '-1']);
    assert.equal(code, 3);
    assert.match(stderr, /without a sign/);
  });

  it('to a good number comes although another is refused, and the exit code tells of the refusal', async (t) => {
    const queue = uniqueQueue(t);
    await startWorker(t, ['--queue', queue]);
    const { code, stdout, stderr } = await runClient(t, ['--queue', queue, '7', '1.5', '8']);
    assert.deepEqual([code, stdout], [3, ' [.] Got 13\n [.] Got 21\n']);
    assert.match(stderr, /^ \[!\] fib\(1\.5\): INVALID_ARGUMENT/m);
  });
});
