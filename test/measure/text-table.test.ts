import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { count, figure, listing, size, textTable } from '../../src/measure/report/text-table.ts';

describe('the parts of a report', () => {
  it('lays out columns, headings across them, and no trailing spaces', () => {
    assert.equal(
      textTable([['', 'a'], 'a long heading', ['row', '12'], ['x', '']]),
      '      a\na long heading\nrow  12\nx\n',
    );
    assert.equal(textTable([]), '');
  });

  it('lists names with what there is to say of them', () => {
    assert.equal(
      listing([
        ['a', 'first'],
        ['bcd', 'second'],
      ]),
      '  a    first\n  bcd  second\n',
    );
  });

  it('writes figures with three digits, and counts whole', () => {
    assert.deepEqual(
      [
        0,
        0.0624,
        0.0996,
        0.1234,
        1.005,
        9.99,
        9.996,
        12.34,
        99.94,
        99.96,
        1234.5,
        Number.NaN,
        Number.POSITIVE_INFINITY,
      ].map(figure),
      ['0.00', '0.062', '0.10', '0.12', '1.00', '9.99', '10.0', '12.3', '99.9', '100', '1,235', '–', '–'],
    );
    assert.equal(count(1_234_567), '1,234,567');
  });

  it('writes sizes in the unit that fits', () => {
    assert.deepEqual([0, 16, 1_024, 1_536, 131_072, 1_048_576, 5_000_000_000].map(size), [
      '0 B',
      '16 B',
      '1 KiB',
      '1.5 KiB',
      '128 KiB',
      '1 MiB',
      '4768.4 MiB',
    ]);
  });
});
