import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkFunctionModule } from '../../src/function/function-module.ts';
import { functionOptionValues, withFunctionOptions } from '../../src/function/function-options.ts';

const answer = () => 'fine';
const option = { flag: 'a', type: 'boolean', help: 'what it is for' } as const;

describe("a function's module", () => {
  it('needs a default export and nothing else', () => {
    assert.deepEqual(checkFunctionModule({ default: answer }), {
      handler: answer,
      name: 'function',
      options: {},
      maxRequestBytes: undefined,
      contentType: undefined,
    });
  });

  it('may have a name, options and limits, and whatever else it likes', () => {
    const exports = { name: 'resize.v2', options: { a: option }, maxRequestBytes: 0, contentType: 'image/png; q=1' };
    assert.deepEqual(checkFunctionModule({ default: answer, ...exports, helper: 5 }), { handler: answer, ...exports });
  });

  it('may be a CommonJS function, whose name may be empty', () => {
    assert.equal(checkFunctionModule({ default: answer, name: '' }).name, 'function');
  });

  const text = { ...option, type: 'string', placeholder: 'A', parse: String };
  const wrong: readonly (readonly [exports: Record<string, unknown>, message: RegExp])[] = [
    [{ default: undefined }, /no default export/],
    [{ default: {} }, /'default': expected a function, got object/],
    [{ name: 'a\u001b[31m b' }, /'name': expected .*got "a\\u001b\[31m b"$/],
    [{ name: 5 }, /'name': .*got number$/],
    [{ name: 'x'.repeat(65) }, /'name': /],
    [{ maxRequestBytes: -1 }, /'maxRequestBytes': .*got -1$/],
    [{ maxRequestBytes: 1.5 }, /'maxRequestBytes': .*got 1\.5$/],
    [{ maxRequestBytes: '1MB' }, /'maxRequestBytes': .*got '1MB'$/],
    [{ contentType: 'json' }, /'contentType': .*got 'json'$/],
    [{ contentType: 'text/plain\nx' }, /'contentType': .*got 'text\/plain\\nx'$/],
    [{ contentType: 7 }, /'contentType': .*got 7$/],
    [{ options: 3 }, /'options': expected a table of options, got number$/],
    [{ options: null }, /'options': /],
    [{ options: { a: undefined } }, /'options\.a': flag: /],
    [{ options: { a: { ...option, flag: 'A' } } }, /'options\.a': flag: /],
    [{ options: { a: { ...option, flag: 'no-a' } } }, /'options\.a': flag: /],
    [{ options: { a: { ...option, short: 'a' } } }, /'options\.a': short: /],
    [{ options: { a: { ...option, env: 'A B' } } }, /'options\.a': env: /],
    [{ options: { a: { ...option, type: 'number' } } }, /'options\.a': type: /],
    [{ options: { a: { ...option, help: undefined } } }, /'options\.a': help: /],
    [{ options: { a: { ...option, default: 'yes' } } }, /'options\.a': default: /],
    [{ options: { a: { ...text, placeholder: undefined } } }, /'options\.a': placeholder: /],
    [{ options: { a: { ...text, parse: undefined } } }, /'options\.a': parse: /],
    [{ options: { a: { ...text, default: 5 } } }, /'options\.a': default: /],
  ];
  for (const [exports, message] of wrong) {
    const [[name, value] = []] = Object.entries(exports);
    it(`is refused with ${name} ${JSON.stringify(value)}`, () => {
      assert.throws(() => checkFunctionModule({ default: answer, ...exports }), { name: 'TypeError', message });
    });
  }
});

describe("a function's options", () => {
  const own = { queue: { ...option, flag: 'queue', env: 'RPC_QUEUE' } };

  it("stand after the worker's own, and their values are found by their own keys", () => {
    const all = withFunctionOptions(own, { queue: option });
    assert.deepEqual(
      Object.values(all).map(({ flag }) => flag),
      ['queue', 'a'],
    );
    const values = Object.fromEntries(Object.entries(all).map(([key, { flag }]) => [key, `value of --${flag}`]));
    assert.deepEqual(functionOptionValues(values), { queue: 'value of --a' });
  });

  const taken: readonly (readonly [options: Record<string, typeof option & { env?: string }>, message: RegExp])[] = [
    [{ x: { ...option, flag: 'queue' as 'a' } }, /'options\.x': --queue is taken/],
    [{ x: { ...option, flag: 'help' as 'a' } }, /'options\.x': --help is taken/],
    [{ x: { ...option, env: 'RPC_QUEUE' } }, /'options\.x': RPC_QUEUE is taken/],
    [{ x: option, y: option }, /'options\.y': --a is taken/],
  ];
  for (const [options, message] of taken) {
    it(`are refused where they are taken: ${message.source}`, () => {
      assert.throws(() => withFunctionOptions(own, options), { name: 'TypeError', message });
    });
  }
});
