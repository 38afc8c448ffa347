import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { explainConnectError } from '../../src/amqp/connect-errors.ts';
import { parseAmqpUrl, parseAmqpUrlList } from '../../src/amqp/url.ts';
import { RpcClient, RpcWorker } from '../../src/index.ts';

describe('an AMQP URL', () => {
  test('has a scheme in any case', () => {
    assert.equal(parseAmqpUrl('AMQPS://broker').tls, true);
    assert.equal(parseAmqpUrl('Amqp://broker').display, 'amqp://guest@broker:5672');
    assert.deepEqual(parseAmqpUrlList('AMQP://a,amqps://b,AMQPS://c'), ['AMQP://a', 'amqps://b', 'AMQPS://c']);
  });

  test('has a heartbeat that fits into 16 bits', () => {
    assert.equal(parseAmqpUrl('amqp://broker?heartbeat=65535').heartbeat, 65_535);
    for (const heartbeat of ['65536', '99999', '-1', '1.5', '', 'often']) {
      const wrong = { name: 'TypeError', message: /its heartbeat is no whole number of seconds from 1 to 65535/ };
      assert.throws(() => parseAmqpUrl(`amqp://broker?heartbeat=${heartbeat}`), wrong);
    }
  });

  test('never turns heartbeats off: the broker would send them all the same, and a dead connection go unnoticed', () => {
    for (const zero of ['0', '00']) {
      const wrong = { name: 'TypeError', message: /its heartbeat is 0, and without heartbeats/ };
      assert.throws(() => parseAmqpUrl(`amqp://broker?heartbeat=${zero}`), wrong);
    }
  });

  const wrong: readonly (readonly [query: string, message: RegExp])[] = [
    ['?hearbeat=5', /it has an unknown parameter \("hearbeat"\): heartbeat is the only one there is$/],
    ['?heartbeat=5&verify=none', /it has an unknown parameter \("verify"\)/],
    ['?Heartbeat=5', /it has an unknown parameter \("Heartbeat"\)/],
    ['?\u001b[31m', /it has an unknown parameter \("\\u001b\[31m"\)/],
    ['?%C2%9B31m', /it has an unknown parameter \("\\u009b31m"\)/],
    [':99999', /it does not parse \(a port is at most 65535, and special characters .* %XX\)$/],
    ['/my#host', /there is a # in it .*%23\)$/],
  ];
  for (const [end, message] of wrong) {
    test(`with ${JSON.stringify(end)} is refused, and what is wrong with it is named`, () => {
      assert.throws(() => parseAmqpUrl(`amqp://me:secret@broker${end}`), { name: 'TypeError', message });
      assert.throws(
        () => parseAmqpUrl(`amqp://me:secret@broker${end}`),
        ({ message }) => !message.includes('secret'),
      );
    });
  }
});

describe('the password of an AMQP URL', () => {
  const shown: readonly (readonly [wrong: string, shown: string])[] = [
    ['guest:secret@host:5672', 'guest:***'],
    ['guest:/secret', 'guest:***'],
    ['guest:abc]secret', 'guest:***'],
    ['guest://secret@host', 'guest:***'],
    ['us@er:secret@host', 'us***'],
    ['amqp:guest:secret@host', 'amqp:***'],
    ['amqp:/guest:secret@host', 'amqp:***'],
    ['amqp://us/er:secret@host', 'amqp://us***'],
    ['amqp://user:secret', 'amqp://user:***'],
    ['amqp://user:5672/secret?x', 'amqp://user:***'],
    ['amqp://user:?secret', 'amqp://user:***'],
    ['amqp://user:12?secret', 'amqp://user:***'],
    ['amqp://a:secret@host,amqp://b:secret?x', 'amqp://a:***'],
    ['amqp://a:b@host\n:secret@host', 'amqp://a:***'],
    ['amqp://\x1b[31mhost/?x', 'amqp://\\u001b[31mhost***'],
    [`amqp://${'h'.repeat(100)}?x`, `amqp://${'h'.repeat(73)}…`],
    [' amqp://user:secret@host', ' amqp://user:***'],
    ['\tamqp://host', '\\tamqp://host'],
    ['http://broker', 'http://broker'],
    ['localhost:5672', 'localhost:***'],
  ];
  for (const [wrong, text] of shown) {
    test(`is not shown of a wrong one, and its beginning is: '${text}'`, () => {
      assert.throws(
        () => new RpcClient(wrong),
        ({ message }: Error) => message.includes(`got '${text}': `) && !message.includes('secret'),
      );
    });
  }

  test('is not shown of an object, such as a URL, for which its href is to be given', () => {
    const url = new URL('amqp://user:secret@host');
    for (const options of [url, { urls: url }, [url], { urls: { hostname: 'host', password: 'secret' } }]) {
      for (const End of [RpcClient, RpcWorker]) {
        const isRight = ({ name, message }: Error) =>
          name === 'TypeError' && / href\b/.test(message) && !message.includes('secret');
        assert.throws(() => Reflect.construct(End, [options]), isRight);
      }
    }
  });
});

describe('an attempt that failed on this side', () => {
  const url = parseAmqpUrl('amqp://broker');
  const failed = (code: string) => explainConnectError(Object.assign(new Error(`connect ${code}`), { code }), url);
  for (const code of ['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOBUFS']) {
    test(`is not blamed on the broker (${code})`, () => {
      const error = failed(code);
      assert.equal(error.code, 'RESOURCE_EXHAUSTED');
      assert.match(error.message, new RegExp(`no further connection can be made from here \\(${code}\\)`));
      assert.doesNotMatch(error.message, /start one|broker/);
    });
  }
  for (const code of ['ENOTFOUND', 'EAI_AGAIN']) {
    test(`names the host that was not found (${code})`, () => {
      assert.match(failed(code).message, new RegExp(`'broker'.*\\(${code}\\): `));
      assert.doesNotMatch(failed(code).message, /start one/);
    });
  }
});
