import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createLog } from '../../src/cli/log.ts';
import { quote, redact } from '../../src/cli/redact.ts';
import { duration, integer } from '../../src/cli/value-parsers.ts';
import { printable } from '../../src/protocol/text.ts';
import { seeded } from '../../test-helpers/property.ts';

const text = fc.string({ unit: 'binary', maxLength: 60 });
const SECRET = 'hunter2';
/** A URL with the secret in its password, encoded as it should be or not. */
const url = fc
  .tuple(fc.constantFrom('amqp', 'amqps', 'http'), fc.string({ maxLength: 10 }), fc.string({ maxLength: 10 }))
  .map(([scheme, before, after]) => `${scheme}://user:${before}${SECRET}${after}@host`);

describe('any text that is printed', () => {
  it('holds no control character, and stays the same if it never did', () => {
    fc.assert(
      fc.property(text, (any) => {
        assert.doesNotMatch(printable(any), /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u);
        if (/^[ -~]*$/.test(any)) assert.equal(printable(any), any);
      }),
      seeded({ numRuns: 1_000 }),
    );
  });

  it('shows no password of a URL, encoded or not, with anything around it', () => {
    fc.assert(
      fc.property(text, url, text, (before, secret, after) => {
        assert.ok(!quote(secret).includes(SECRET), quote(secret));
        assert.ok(!quote(`${before}${secret}${after}`).includes(SECRET));
        if (!/\s/.test(secret)) assert.ok(!redact(`${before} ${secret} ${after}`).includes(SECRET));
      }),
      seeded({ numRuns: 2_000 }),
    );
  });

  it('shows of a URL in it, right or wrong, its beginning alone', () => {
    for (const [typed, shown] of [
      ['amqp://user:hunter2@host', 'amqp://user:***'],
      ['amqp://user:hunter2', 'amqp://user:***'],
      ['amqps://user:/hunter2', 'amqps://user:***'],
      ['amqp://us/er:hunter2', 'amqp://us***'],
      ['amqp://user:5672/hunter2', 'amqp://user:***'],
      ['amqp:user:hunter2@host', 'amqp:***'],
      ['user://hunter2@host', 'user:***'],
      ['user:/hunter2@host', 'user:***'],
      ['ampq://user:hunter2', 'ampq:***'],
      ['show amqp://user:hunter2', 'show amqp://user:***'],
      ['amqp://host', 'amqp://host'],
      ['host:5672', 'host:5672'],
      ['file:///certs/ca.pem', 'file:///certs/ca.pem'],
      ['C:\\certs\\ca.pem', 'C:\\certs\\ca.pem'],
    ] as const)
      assert.equal(quote(typed), JSON.stringify(shown));
  });

  it('is one record a line, which says in JSON what it was told', () => {
    fc.assert(
      fc.property(fc.dictionary(text, fc.anything()), text, (fields, message) => {
        for (const format of ['text', 'json'] as const) {
          const lines: string[] = [];
          createLog({ format, write: (line) => lines.push(line) > 0 }).info('event', fields, message);
          assert.equal(lines.length, 1);
          assert.match(lines[0] ?? '', /^[^\p{Cc}]*\n$/u);
          if (format === 'json') assert.equal(JSON.parse(lines[0] ?? '').event, 'event');
        }
      }),
      seeded({ numRuns: 1_000 }),
    );
  });
});

describe('any text that is typed', () => {
  it('a whole number is read as it is written', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (n) => assert.equal(integer()(String(n)), n)),
      seeded(),
    );
  });

  it('a number or a time is read from nothing but digits and a unit', () => {
    const typed = fc.oneof(
      text,
      fc.array(fc.constantFrom(...'0123456789.-+emsh '), { maxLength: 8 }).map((all) => all.join('')),
    );
    fc.assert(
      fc.property(typed, (any) => {
        for (const [parse, form] of [
          [duration, /^\d+(\.\d+)?(ms|s|m|h)$/],
          [integer(), /^-?\d+$/],
        ] as const) {
          try {
            const value = parse(any);
            assert.ok(Number.isSafeInteger(value), String(value));
            assert.match(any, form);
          } catch (error) {
            assert.match((error as Error).message, /^a (time|whole number)/);
          }
        }
      }),
      seeded({ numRuns: 2_000 }),
    );
  });
});
