import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseAmqpUrl, parseAmqpUrlList } from '../../src/amqp/url.ts';
import { RpcClient } from '../../src/client/client.ts';
import { RpcError } from '../../src/protocol/errors.ts';
import { decodeErrorReply, encodeErrorReply } from '../../src/protocol/reply.ts';
import { checkReplyAddress, isUnguessable, replyAddressPattern } from '../../src/protocol/reply-address.ts';
import { backoffDelay } from '../../src/protocol/waiting.ts';
import { RpcWorker } from '../../src/worker/worker.ts';

describe('AMQP URLs', () => {
  test('stand for guest:guest on port 5672 and the virtual host / where they say nothing else', () => {
    const { display, ...url } = parseAmqpUrl('amqp://rabbit');
    assert.deepEqual(url, {
      tls: false,
      hostname: 'rabbit',
      port: 5672,
      username: 'guest',
      password: 'guest',
      vhost: '/',
      heartbeat: undefined,
    });
    assert.equal(display, 'amqp://guest@rabbit:5672');
    assert.equal(parseAmqpUrl('amqps://rabbit').port, 5671);
    assert.equal(parseAmqpUrl('amqp://rabbit/').vhost, '/');
  });

  test('are decoded, IPv6 included, and shown without the password', () => {
    const url = parseAmqpUrl('amqp://us%40er:p%2Fa%3Ass@[::1]:5673/a%2Fb?heartbeat=5');
    assert.deepEqual(
      [url.username, url.password, url.hostname, url.port, url.vhost, url.heartbeat],
      ['us@er', 'p/a:ss', '::1', 5673, 'a/b', 5],
    );
    assert.equal(url.display, 'amqp://us%40er@[::1]:5673/a%2Fb');
  });

  test('that are wrong are refused with the reason and without the password', () => {
    for (const wrong of [
      'localhost:5672',
      'http://u:secret@h',
      'amqp://',
      'amqp://u:se%cret@h',
      'amqp://u:sec#ret@h:99',
      'amqp://u:/secret@h',
      'amqp://u:5672/secret@h/vhost',
      'amqp://u:5672?secret@h',
      '',
    ]) {
      assert.throws(
        () => parseAmqpUrl(wrong),
        (error: unknown) => {
          assert.ok(error instanceof TypeError);
          assert.match(error.message, /^urls: expected amqp:\/\//);
          assert.doesNotMatch(error.message, /secret|se%cret|sec#ret/);
          return true;
        },
      );
    }
  });

  test('come in lists, whose commas do not split a password', () => {
    assert.deepEqual(parseAmqpUrlList('amqp://a, amqps://u:x,y@b'), ['amqp://a', 'amqps://u:x,y@b']);
    assert.throws(
      () => parseAmqpUrlList('amqp://a,amqp://u:secret@'),
      /^Error: an AMQP URL .*(names no host|does not parse)/,
    );
  });
});

describe('reply addresses', () => {
  const policy = {
    requestQueues: new Set(['rpc_queue']),
    allowed: ['replies.*', '*queue'].map(replyAddressPattern),
  };
  // as RabbitMQ 3.10, 4.0 and 4.3 gave them out
  const direct = 'amq.rabbitmq.reply-to.g1h2AA9yZXBseUAxMjI3NDExMDgAAAK1AAAAAGsBFU4=.1W2RZZM0qZzp0WczeJFn6Q==';

  test('are taken if they are direct ones, queues named by the broker, or allowed', () => {
    for (const replyTo of [direct, 'amq.gen-CH7j6Mt4DGotebS1-9LFZg', 'replies.1']) {
      assert.deepEqual(checkReplyAddress(replyTo, policy), { ok: true, address: replyTo, direct: replyTo === direct });
    }
  });

  test('are refused if they are missing, malformed, not allowed, or the request queue even if it is allowed', () => {
    const fault = (replyTo: string | undefined) => {
      const address = checkReplyAddress(replyTo, policy);
      return address.ok ? 'ok' : address.fault;
    };
    assert.equal(fault(undefined), 'missing-reply-to');
    assert.equal(fault(''), 'missing-reply-to');
    for (const bad of ['amq.rabbitmq.reply-to', 'amq.rabbitmq.reply-to.a.b', direct.slice(0, -2), `${direct} `]) {
      assert.equal(fault(bad), 'malformed-reply-to', bad);
    }
    for (const bad of ['orders', 'replies', 'xreplies.1', 'rpc_queue'])
      assert.equal(fault(bad), 'refused-reply-to', bad);
  });
});

describe('reply queues that nobody can guess', () => {
  test('are those that the broker names, and those that libraries name', () => {
    for (const name of [
      'amq.gen-CH7j6Mt4DGotebS1-9LFZg',
      'amq.dyn-CH7j6Mt4DGotebS1-9LFZg',
      'amq_0x5f0c9d2b7a1e4c3f8d6b0a9e2f1c4d7b',
      'amq_5f0c9d2b7a1e4c3f8d6b0a9e2f1c4d7b',
      'aioamqp.gen-0b5c2f5e-5d1e-4c5e-9a63-2f3a86b7f0a1',
      '0b5c2f5e-5d1e-4c5e-9a63-2f3a86b7f0a1',
      '0B5C2F5E-5D1E-4C5E-9A63-2F3A86B7F0A1',
      'replies:0b5c2f5e-5d1e-4c5e-9a63-2f3a86b7f0a1',
      'client.gen-CH7j6Mt4DGotebS1-9LFZg',
      'thesis.rpc.5f0c9d2b7a1e4c3f',
      'spring.gen-CH7j6Mt4DGotebS1_9LFZg',
      'easynetq.response.0b5c2f5e-5d1e-4c5e-9a63-2f3a86b7f0a1',
      '5f0c9d2b7a1e4c3f',
    ])
      assert.ok(isUnguessable(name), name);
  });

  test('are none that somebody may have named, or counted', () => {
    for (const name of [
      'orders',
      'rpc_queue',
      'events-2026-11-27',
      'node-10-0-0-1',
      'order-fulfilment-requests',
      'prod.customerNotificationQueue',
      'payments.reconciliation_requests',
      'invoices-20261127093000123',
      '20261127093000123',
      'replies:20261127093000123',
      'replies',
      'amq.gen-',
      'amq.generated',
      'amq.direct',
      'gen-order-fulfilment-reqs',
      'spring.gen-order-fulfilment-reqs',
      'spring.gen-short',
      '00000000-0000-0000-0000-000000000000',
      'ffffffffffffffffffff',
      'orders-0b5c2f5e-5d1e-4c5e-9a63-2f3a86b7f0a1',
      'deploy-5f0c9d2b7a1e4c3f8d6b0a9e2f1c4d7b',
      '0b5c2f5e-5d1e-4c5e-9a63-2f3a86b7f0a1\n',
      '5f0c9d2b7a1e4c3',
    ])
      assert.ok(!isUnguessable(name), name);
  });
});

describe('error replies', () => {
  test('carry a code and a detail there and back', () => {
    const { code, message, reason } = decodeErrorReply(
      encodeErrorReply(new RpcError('NOT_FOUND', 'no such thing: ä"\n')),
    );
    assert.deepEqual([code, message, reason], ['NOT_FOUND', 'no such thing: ä"\n', 'ERROR_REPLY']);
  });

  test('that cannot be read still are errors', () => {
    for (const body of ['', '{', 'null', '[]', '42', '{"code":"OK"}', '{"code":7,"detail":{}}', 'x'.repeat(70_000)]) {
      const error = decodeErrorReply(Buffer.from(body));
      assert.deepEqual([error.code, error.reason], ['UNKNOWN', 'ERROR_REPLY']);
      assert.notEqual(error.message, '');
    }
  });
});

describe('options', () => {
  test('that are wrong are refused with a TypeError that names them and the value', () => {
    const cases: [() => unknown, RegExp][] = [
      [() => new RpcClient({ timeout: 0 }), /^timeout: .*got 0/],
      [() => new RpcClient({ timeout: 2 ** 31 }), /^timeout: .*got 2147483648/],
      [() => new RpcClient({ maxInFlight: 1.5 }), /^maxInFlight: .*got 1.5/],
      [() => new RpcClient({ queue: 'q' } as object), /^options: expected options among urls, .*got 'queue'/],
      [() => new RpcClient({ timeout: '5000' as unknown as number }), /^timeout: .*got '5000'/],
      [() => new RpcClient({ retry: 1 as unknown as boolean }), /^retry: .*got 1/],
      [() => new RpcClient({ tls: true as unknown as object }), /^tls: .*got true/],
      [() => new RpcClient({ urls: 'amqp://a', tls: { servername: 'b' } }), /^tls: .*write amqps:/],
      [() => new RpcClient({ connectionName: '' }), /^connectionName: .*got ''/],
      [() => new RpcClient(5 as unknown as string), /^options: .*got 5/],
      [() => new RpcClient([]), /^urls: .*empty list/],
      [() => new RpcWorker().serve('q\n', () => ''), /^queue: .*got "q\\n"/],
      [() => new RpcClient({ maxWaiting: 0 }), /^maxWaiting: .*got 0/],
      [
        () => new RpcClient({ reply: 'pigeon' as 'direct' }),
        /^reply: expected one of direct, exclusive, per-request, got 'pigeon'/,
      ],
      [() => new RpcClient({ urls: 'rabbit' }), /^urls: .*got 'rabbit'/],
      [() => new RpcWorker().serve('q', () => '', { prefetch: 65_536 }), /^prefetch: .*got 65536/],
      [
        () => new RpcWorker().serve('q', () => '', { declare: { type: 'stream' as 'quorum' } }),
        /^declare\.type: .*got 'stream'/,
      ],
      [
        () => new RpcWorker().serve('q', () => '', { declare: { type: 'quorum', durable: false } }),
        /^declare\.durable: /,
      ],
    ];
    for (const [make, message] of cases) assert.throws(make, { name: 'TypeError', message });
  });

  test('backing off doubles up to the bound, and takes off up to a half at random', () => {
    const bounds = { first: 100, max: 1_000 };
    assert.deepEqual(
      [1, 2, 3, 4, 5, 99].map((attempt) => backoffDelay(attempt, bounds, () => 1)),
      [100, 200, 400, 800, 1_000, 1_000],
    );
    assert.equal(
      backoffDelay(3, bounds, () => 0),
      200,
    );
  });
});
