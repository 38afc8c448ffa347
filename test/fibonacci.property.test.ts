import '../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { fibonacci, maxRequestBytes, parseN } from '../src/fibonacci.ts';
import { RpcError } from '../src/protocol/errors.ts';
import { seeded } from '../test-helpers/property.ts';

const MAX_N = 100_000;
const fib = (n: number) => BigInt(fibonacci(Buffer.from(String(n)), { maxN: MAX_N, algorithm: 'doubling' }));

/** Octets that look like a number, and octets that don't. */
const body = fc.oneof(
  fc.uint8Array({ maxLength: 2 * maxRequestBytes }),
  fc.string({ unit: 'binary', maxLength: 40 }).map((text) => Uint8Array.from(Buffer.from(text))),
  fc
    .array(fc.constantFrom(...'0123456789+- \n.e'), { maxLength: 8 })
    .map((characters) => Uint8Array.from(Buffer.from(characters.join('')))),
);

describe('for anything at all', () => {
  it('n is read only from the digits that write it, and every other request is refused in printable ASCII', () => {
    fc.assert(
      fc.property(body, fc.nat(), (octets, maxN) => {
        try {
          const n = parseN(octets, maxN);
          assert.ok(Number.isInteger(n) && n >= 0 && n <= maxN, String(n));
          assert.deepEqual(Buffer.from(octets), Buffer.from(String(n)));
        } catch (error) {
          if (!(error instanceof RpcError)) throw error;
          assert.equal(error.code, 'INVALID_ARGUMENT');
          assert.match(error.message, /^[ -~]*…?$/);
          assert.ok(error.message.length < 500);
        }
      }),
      seeded({ numRuns: 2_000 }),
    );
  });

  it('every n up to the limit is read from its digits', () => {
    fc.assert(
      fc.property(fc.nat({ max: MAX_N }), (n) => assert.equal(parseN(String(n), MAX_N), n)),
      seeded(),
    );
  });

  it('F(m+n) = F(m)·F(n+1) + F(m−1)·F(n)', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3_000 }), fc.nat({ max: 3_000 }), (m, n) => {
        assert.equal(fib(m + n), fib(m) * fib(n + 1) + fib(m - 1) * fib(n));
      }),
      seeded(),
    );
  });
});
