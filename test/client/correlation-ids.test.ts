import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { CorrelationIds, sipHash } from '../../src/client/correlation-ids.ts';
import { seeded } from '../../test-helpers/property.ts';

const issue = (ids: CorrelationIds) => ids.idOf(ids.next());
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
/** The 64 bits of a tag, the lowest six first. */
const bitsOf = (tag: string) =>
  [...tag].reduceRight((bits, character) => (bits << 6n) | BigInt(alphabet.indexOf(character)), 0n);

describe('correlation ids', () => {
  test('have a tag of SipHash-2-4, by the vector that its authors published', () => {
    const key = Uint32Array.of(0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c);
    // the vector of eight octets, 62 24 93 9a 79 f5 f5 93
    assert.equal(bitsOf(sipHash(key, 0x0706050403020100)), 0x93f5f5799a932462n);
  });

  test('are 64 unpredictable bits and a number, and share nothing else', () => {
    const [a, b] = [new CorrelationIds(), new CorrelationIds()];
    const [first, second, other] = [issue(a), issue(a), issue(b)];
    assert.match(first, /^[\w-]{11}1$/);
    assert.match(second, /^[\w-]{11}2$/);
    assert.notEqual(first.slice(0, 11), other.slice(0, 11));
    // each bit of the tag is set in about half of them: who has read some can't guess another
    const tags = Array.from({ length: 4_096 }, () => bitsOf(issue(a).slice(0, 11)));
    assert.equal(new Set(tags).size, tags.length);
    for (let bit = 0n; bit < 64n; bit++) {
      const set = tags.filter((tag) => (tag >> bit) & 1n).length;
      assert.ok(set > 1_700 && set < 2_400, `bit ${bit} is set in ${set} of 4,096`); // 11 standard deviations
    }
  });

  test('tell late, duplicate and unknown replies apart', () => {
    const ids = new CorrelationIds();
    const [first, second] = [issue(ids), issue(ids)];
    ids.answered(2);
    assert.equal(ids.classify(first), 'late');
    assert.equal(ids.classify(first), 'duplicate', 'the second reply to the same call');
    assert.equal(ids.classify(second), 'duplicate');
    const foreign = issue(new CorrelationIds());
    const tag = first.slice(0, 11);
    for (const unknown of [undefined, '', 'x', `${second}0`, `${tag}01`, `${tag}2`, `${tag}3`, `${tag}1 `, foreign])
      assert.equal(ids.classify(unknown), 'unknown', unknown);
  });

  test('of calls that were answered are remembered for 1,024 calls, and a late reply is never a duplicate', () => {
    const ids = new CorrelationIds();
    const issued = Array.from({ length: 5_000 }, () => issue(ids));
    for (let number = 2; number <= issued.length; number += 2) ids.answered(number);
    const kinds = issued.map((id) => ids.classify(id));
    const answered = kinds.filter((_, index) => index % 2 === 1);
    assert.deepEqual(new Set(kinds.filter((_, index) => index % 2 === 0)), new Set(['late']));
    assert.deepEqual(new Set(answered.slice(-512)), new Set(['duplicate']));
    assert.deepEqual(new Set(answered.slice(0, -512)), new Set(['late']), 'forgotten');
  });

  test('are known again, and nothing else is', () => {
    const ids = new CorrelationIds();
    const issued = new Set(Array.from({ length: 50 }, () => issue(ids)));
    const guess = fc.oneof(
      fc.string(),
      fc.constantFrom(...issued),
      fc.tuple(fc.constantFrom(...issued), fc.string({ maxLength: 3 })).map(([id, end]) => id.slice(0, 11) + end),
    );
    fc.assert(
      fc.property(guess, (id) => assert.equal(ids.classify(id) !== 'unknown', issued.has(id))),
      seeded({ numRuns: 1_000 }),
    );
  });
});
