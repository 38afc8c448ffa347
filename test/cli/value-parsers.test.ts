import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { duration, integer, list, oneOf, positiveDuration, text, yesOrNo } from '../../src/cli/value-parsers.ts';

describe('a duration', () => {
  it('is a number with a unit, in milliseconds', () => {
    const lengths = { '500ms': 500, '10s': 10_000, '2m': 120_000, '1h': 3_600_000, '1.5s': 1500, '0s': 0 };
    for (const [written, milliseconds] of Object.entries(lengths)) assert.equal(duration(written), milliseconds);
  });

  it('is refused without a unit, with a hint', () => {
    assert.throws(() => duration('30'), { message: 'a time such as 500ms, 10s or 2m: is it 30s or 30ms?' });
  });

  it('is refused in any other form', () => {
    for (const wrong of ['', 's', '-1s', '10 s', '10S', '1e3ms', '10sec', '1m30s', 'Infinitys', '10s\n']) {
      assert.throws(() => duration(wrong), { message: 'a time such as 500ms, 10s or 2m' }, JSON.stringify(wrong));
    }
  });

  it("is refused past what Node's timers can wait, where they would fire at once", () => {
    assert.equal(duration('2147483647ms'), 2 ** 31 - 1);
    assert.throws(() => duration('2147483648ms'), /at most 24 days/);
    assert.throws(() => duration(`${'9'.repeat(400)}s`), /at most 24 days/);
  });

  it('can be asked to be more than nothing', () => {
    assert.equal(positiveDuration('1ms'), 1);
    assert.throws(() => positiveDuration('0s'), { message: 'a time of at least 1ms' });
    assert.throws(() => positiveDuration('0.1ms'), { message: 'a time of at least 1ms' });
  });
});

describe('a whole number', () => {
  it('is read within its limits', () => {
    const port = integer({ min: 0, max: 65_535 });
    assert.equal(port('0'), 0);
    assert.equal(port('65535'), 65_535);
    for (const wrong of ['-1', '65536', '1.5', '1e3', '', ' 1', '0x10', '1n', '٣', '9'.repeat(400)]) {
      assert.throws(() => port(wrong), { message: 'a whole number from 0 up to 65535' }, JSON.stringify(wrong));
    }
  });

  it('may have one limit or none, and is always exact', () => {
    assert.equal(integer()('-5'), -5);
    assert.throws(() => integer()('9007199254740993'), { message: 'a whole number' });
    assert.throws(() => integer({ min: 1 })('0'), { message: 'a whole number from 1' });
    assert.throws(() => integer({ max: 9 })('10'), { message: 'a whole number up to 9' });
  });
});

describe('the other parsers', () => {
  it('take one of some words, exactly as written', () => {
    assert.equal(oneOf(['text', 'json'])('json'), 'json');
    assert.throws(() => oneOf(['text', 'json'])('JSON'), { message: 'one of text, json' });
    assert.throws(() => oneOf(['text', 'json'])('toString'), { message: 'one of text, json' });
  });

  it('take a list, none of whose items may be missing', () => {
    assert.deepEqual(list(integer())('1, 2,3'), [1, 2, 3]);
    assert.throws(() => list(text)('a,,b'), { message: 'some text' });
  });

  it('take yes and no in the words that people use', () => {
    for (const word of ['1', 'true', 'TRUE', 'yes', 'on']) assert.equal(yesOrNo(word), true);
    for (const word of ['0', 'false', 'No', 'off']) assert.equal(yesOrNo(word), false);
    assert.throws(() => yesOrNo('2'), { message: 'true or false' });
  });
});
