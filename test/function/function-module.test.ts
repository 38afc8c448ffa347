import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkFunctionModule, checkTogether, type FunctionModule } from '../../src/function/function-module.ts';
import { functionOptionValues, withFunctionOptions } from '../../src/function/function-options.ts';

const answer = () => 'fine';
const option = { flag: 'a', type: 'boolean', help: 'what it is for' } as const;

const plain = {
  handler: answer,
  name: 'function',
  queue: undefined,
  prefetch: undefined,
  options: {},
  maxRequestBytes: undefined,
  contentType: undefined,
};

describe("a function's module", () => {
  it('needs a default export and nothing else', () => {
    assert.deepEqual(checkFunctionModule({ default: answer }), [plain]);
  });

  it('may have a name, options and limits, and other exports', () => {
    const limits = { queue: 'resize', prefetch: 3, maxRequestBytes: 0, contentType: 'image/png; q=1' };
    const exports = { name: 'resize.v2', options: { a: option }, ...limits };
    assert.deepEqual(checkFunctionModule({ default: answer, ...exports, helper: 5 }), [
      { handler: answer, ...exports },
    ]);
  });

  it('may be a CommonJS function, whose name may be empty', () => {
    assert.equal(checkFunctionModule({ default: answer, name: '' })[0]?.name, 'function');
  });

  it('has the name of its file where it names none', () => {
    const named = (exports: Record<string, unknown>) => checkFunctionModule(exports, 'price').map(({ name }) => name);
    assert.deepEqual(named({ default: answer }), ['price']);
    assert.deepEqual(named({ default: answer, name: 'own' }), ['own']);
    assert.deepEqual(named({ default: { handler: answer } }), ['price']);
    assert.deepEqual(named({ one: { handler: answer }, two: { handler: answer, name: 'second' } }), ['one', 'second']);
  });

  it('may hold several functions, as a list or as exports, each with its own name, queue and prefetch', () => {
    const one = { handler: answer, name: 'one', queue: 'q1', prefetch: 10 };
    const two = { handler: answer, name: 'two', queue: 'q2' };
    const both = [
      { ...plain, ...one },
      { ...plain, ...two },
    ];
    assert.deepEqual(checkFunctionModule({ default: [one, two] }), both);
    assert.deepEqual(checkFunctionModule({ one, two, helper: 5 }), both);
    assert.deepEqual(checkFunctionModule({ default: one, two }), both.slice(0, 1));
    assert.deepEqual(checkTogether(both), both);
  });

  const text = { ...option, type: 'string', placeholder: 'A', parse: String };
  const wrong: readonly (readonly [exports: Record<string, unknown>, message: RegExp])[] = [
    [{ default: undefined }, /no default export/],
    [{ default: {} }, /'default': expected a function, got \{\}$/],
    [{ default: [] }, /'default': expected functions, got none$/],
    [{ default: [{ handler: answer }, 5] }, /'default\[1\]\.handler': expected a function, got undefined$/],
    [{ default: { handler: answer, prefetch: 0 } }, /'default\.prefetch': .*got 0$/],
    [{ default: undefined, words: { handler: 5 } }, /'words\.handler': expected a function, got 5$/],
    [{ queue: '' }, /'queue': expected a name/],
    [{ prefetch: 65_536 }, /'prefetch': .*got 65536$/],
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

describe('functions of one worker', () => {
  const two = { ...plain, name: 'two', queue: 'q2' };

  it('are on queues of their names, but for those that name one, and for a single function', () => {
    assert.deepEqual(
      checkTogether([{ ...plain, name: 'one' }, two]).map(({ queue }) => queue),
      ['one', 'q2'],
    );
    assert.deepEqual(checkTogether([plain]), [plain]);
  });

  const wrong: readonly (readonly [functions: FunctionModule[], message: RegExp])[] = [
    [[{ ...plain, name: 'q2' }, two], /^the functions 'q2' and 'two' are on the same queue, 'q2'$/],
    [[{ ...two, name: 'one' }, two], /^the functions 'one' and 'two' are on the same queue, 'q2'$/],
    [[{ ...two, queue: 'q1' }, two], /^two functions have the name 'two'/],
  ];
  for (const [functions, message] of wrong) {
    it(`are refused: ${message.source}`, () => {
      assert.throws(() => checkTogether(functions), { name: 'TypeError', message });
    });
  }
});

describe("a function's options", () => {
  const own = { queue: { ...option, flag: 'queue', env: 'RPC_QUEUE' } };

  it("stand after the worker's own, and their values are found by their own keys", () => {
    const all = withFunctionOptions(own, [
      { name: 'one', options: { queue: option } },
      { name: 'two', options: { queue: { ...option, flag: 'b' } } },
    ]);
    assert.deepEqual(
      Object.values(all).map(({ flag }) => flag),
      ['queue', 'a', 'b'],
    );
    const values = Object.fromEntries(Object.entries(all).map(([key, { flag }]) => [key, `value of --${flag}`]));
    assert.deepEqual(functionOptionValues(values, 0), { queue: 'value of --a' });
    assert.deepEqual(functionOptionValues(values, 1), { queue: 'value of --b' });
  });

  it('that two functions have are refused', () => {
    const both = ['one', 'two'].map((name) => ({ name, options: { x: option } }));
    assert.throws(() => withFunctionOptions(own, both), { message: /^the function 'two', 'options\.x': --a is taken/ });
  });

  const taken: readonly (readonly [options: Record<string, typeof option & { env?: string }>, message: RegExp])[] = [
    [{ x: { ...option, flag: 'queue' as 'a' } }, /'options\.x': --queue is taken/],
    [{ x: { ...option, flag: 'help' as 'a' } }, /'options\.x': --help is taken/],
    [{ x: { ...option, env: 'RPC_QUEUE' } }, /'options\.x': RPC_QUEUE is taken/],
    [{ x: option, y: option }, /'options\.y': --a is taken/],
  ];
  for (const [options, message] of taken) {
    it(`are refused where they are taken: ${message.source}`, () => {
      assert.throws(() => withFunctionOptions(own, [{ name: 'one', options }]), { name: 'TypeError', message });
    });
  }
});
