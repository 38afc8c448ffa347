import '../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fibonacci, fibonacciAlgorithms, maxRequestBytes, options, parseN, recursiveMaxN } from '../src/fibonacci.ts';
import { RpcError } from '../src/protocol/errors.ts';

const MAX_N = Number(options.maxN.default);

function iterative(n: number): bigint {
  let [a, b] = [0n, 1n];
  for (let i = 0; i < n; i++) [a, b] = [b, a + b];
  return a;
}

function refused(body: Buffer | string, rule: RegExp, maxN = MAX_N): string {
  let message = '';
  assert.throws(
    () => parseN(body, maxN),
    (error: unknown) => {
      assert.ok(error instanceof RpcError);
      assert.equal(error.code, 'INVALID_ARGUMENT');
      assert.match(error.message, rule);
      assert.match(error.message, /^[ -~]*…?$/, 'printable ASCII only');
      assert.ok(error.message.length < 500, `${error.message.length} characters`);
      message = error.message;
      return true;
    },
  );
  return message;
}

describe('fib(n)', () => {
  const fib = (body: Uint8Array) => fibonacci(body, { maxN: MAX_N, algorithm: 'doubling' });
  const known = [
    [0, '0'],
    [1, '1'],
    [2, '1'],
    [10, '55'],
    [30, '832040'],
    [93, '12200160415121876738'],
    [
      1000,
      '43466557686937456435688527675040625802564660517371780402481729089536555417949051890403879840079255169295922593080322634775209689623239873322471161642996440906533187938298969649928516003704476137795166849228875',
    ],
  ] as const;
  for (const [n, digits] of known) {
    it(`is exact for ${n}`, () => assert.equal(fib(Buffer.from(`${n}`)), digits));
  }

  it('is exact for 100000, as adding up shows', () => {
    const digits = fib(Buffer.from('100000'));
    assert.equal(digits.length, 20_899);
    assert.equal(digits, iterative(100_000).toString());
  });

  it('is the same by doubling, by recursion and by adding up', () => {
    for (let n = 0; n <= 20; n++) {
      assert.equal(fibonacciAlgorithms.doubling(n), iterative(n));
      assert.equal(fibonacciAlgorithms.recursive(n), iterative(n));
    }
    for (let n = 21; n <= 1100; n++) assert.equal(fibonacciAlgorithms.doubling(n), iterative(n));
  });

  it('is computed from a body that came from another thread as a plain Uint8Array, part of a larger buffer', () => {
    assert.equal(fib(new Uint8Array(Buffer.from('x30x')).subarray(1, 3)), '832040');
  });
});

describe('a request is refused before anything is computed', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['', /empty/],
    ['-1', /without a sign; got "-1"$/],
    ['+7', /without a sign; got "\+7"$/],
    [' 7', /without spaces or line ends; got " 7"$/],
    ['7 ', /without spaces or line ends; got "7 "$/],
    ['7\n', /without spaces or line ends; got "7\\n"$/],
    ['007', /without leading zeros; got "007"$/],
    ['00', /without leading zeros; got "00"$/],
    ['1.5', /decimal digits, nothing else; got "1\.5"$/],
    ['1e3', /decimal digits, nothing else; got "1e3"$/],
    ['0x10', /decimal digits, nothing else; got "0x10"$/],
    ['30n', /decimal digits, nothing else; got "30n"$/],
    ['٣٠', /decimal digits, nothing else; got "\\u0663\\u0660"$/],
    ['{"n":30}', /decimal digits, nothing else; got "\{\\"n\\":30\}"$/],
    ['3\u00a00', /decimal digits, nothing else/],
    ['100001', /at most 100000; got "100001"$/],
    ['9'.repeat(64), /at most 100000; got "9{32}"…$/],
    ['9007199254740993', /at most 100000/],
    ['Infinity', /decimal digits, nothing else/],
    ['NaN', /decimal digits, nothing else/],
  ];
  for (const [body, rule] of cases) {
    it(`${JSON.stringify(body)}`, () => {
      refused(body, rule);
      refused(Buffer.from(body), rule);
    });
  }

  it('a body of 1 MiB, of which 32 characters are shown', () => {
    const message = refused(Buffer.alloc(2 ** 20, '1'), /at most 64 bytes long, this one has 1048576; got "1{32}"…$/);
    assert.ok(message.length < 120);
  });

  it('65 digits, though 64 bytes are looked at', () => {
    assert.equal(maxRequestBytes, 64);
    refused('1'.repeat(65), /at most 64 bytes/);
    refused('1'.repeat(64), /at most 100000/);
  });

  it('binary, with NUL, escapes and invalid UTF-8, which the message shows escaped', () => {
    refused(Buffer.from([0x33, 0x00]), /nothing else; got "3\\u0000"$/);
    refused(Buffer.from([0xff, 0xfe, 0x33]), /nothing else; got "\\ufffd\\ufffd3"$/);
    refused(Buffer.from('\x1b[31m\x7f\u009b\u202e'), /got "\\u001b\[31m\\u007f\\u009b\\u202e"$/);
    refused(Buffer.from('😀'.repeat(40)), /at most 64 bytes/);
    refused(Buffer.alloc(60, 0xf0), /nothing else/);
  });

  it('n past 2^53 is never rounded down to the largest n there can be', () => {
    refused('9007199254740992', /at most/, Number.MAX_SAFE_INTEGER);
    assert.equal(parseN('9007199254740991', Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
  });
});

describe('the limit of fib(n)', () => {
  it('is maxN', () => {
    const fib = (n: string) => fibonacci(Buffer.from(n), { maxN: 10, algorithm: 'doubling' });
    assert.equal(fib('10'), '55');
    assert.throws(() => fib('11'), /n must be at most 10; got "11"/);
  });

  it('is 35 by recursion, or a smaller maxN', () => {
    assert.equal(recursiveMaxN(), 35);
    const recursive = (n: string, maxN = MAX_N) => fibonacci(Buffer.from(n), { maxN, algorithm: 'recursive' });
    assert.equal(recursive('20'), '6765');
    assert.throws(() => recursive('36'), /n must be at most 35; got "36"/);
    assert.throws(() => recursive('6', 5), /at most 5/);
  });
});
