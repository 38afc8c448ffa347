import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parseAmqpUrl, parseAmqpUrlList } from '../../src/amqp/url.ts';
import { RpcError, rpcErrorCodes } from '../../src/protocol/errors.ts';
import { decodeErrorReply, encodeErrorReply } from '../../src/protocol/reply.ts';
import { checkReplyAddress, isUnguessable, replyAddressPattern } from '../../src/protocol/reply-address.ts';
import { seeded } from '../../test-helpers/property.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 30 });
const octets = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));

describe('AMQP URLs, with any parts', () => {
  const parts = fc.record({
    tls: fc.boolean(),
    username: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }),
    password: text,
    hostname: fc.oneof(
      fc.domain(),
      fc.ipV4(),
      fc.ipV6().map((address) => new URL(`http://[${address}]`).hostname.slice(1, -1)),
    ),
    port: fc.integer({ min: 1, max: 65_535 }),
    vhost: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }),
  });
  type Parts = typeof parts extends fc.Arbitrary<infer T> ? T : never;
  const written = ({ tls, username, password, hostname, port, vhost }: Parts) => {
    const host = hostname.includes(':') ? `[${hostname}]` : hostname;
    const [user, secret, path] = [username, password, vhost].map(encodeURIComponent);
    return `amqp${tls ? 's' : ''}://${user}:${secret}@${host}:${port}/${path}`;
  };

  test('come apart into what they were made of', () => {
    fc.assert(
      fc.property(parts, (made) => {
        const { display, heartbeat, ...parsed } = parseAmqpUrl(written(made));
        // a path of one dot or two is a folder to a URL: such a virtual host has no URL
        fc.pre(!/^\.{1,2}$/.test(made.vhost));
        assert.deepEqual({ ...parsed }, { ...made, hostname: made.hostname.toLowerCase() });
        assert.equal(heartbeat, undefined);
      }),
      seeded({ numRuns: 1_000 }),
    );
  });

  test('are split in lists at no comma inside of them', () => {
    fc.assert(
      fc.property(fc.array(parts.map(written), { minLength: 1, maxLength: 4 }), (urls) => {
        assert.deepEqual(parseAmqpUrlList(urls.join(', ')), urls);
      }),
      seeded(),
    );
  });

  test('never show their password, neither parsed nor in what is said of a wrong one', () => {
    const secret = 'hunter2';
    const wrong = fc.tuple(fc.constantFrom('amqp://u:', 'amqps://:', 'http://u:', 'amqp://'), text, text, text);
    fc.assert(
      fc.property(wrong, ([start, before, between, after]) => {
        const url = `${start}${before}${secret}${between}@${after}`;
        fc.pre(start !== 'amqp://' || before.includes(':'));
        // a user's name may be anything, as long as there is one: it ends at the first colon
        try {
          assert.ok(!parseAmqpUrl(url).display.includes(secret), url);
        } catch (error) {
          if (!(error instanceof TypeError)) throw error;
          assert.ok(!error.message.includes(secret), error.message);
        }
        try {
          parseAmqpUrlList(url);
        } catch (error) {
          assert.ok(!(error as Error).message.includes(secret), String(error));
        }
      }),
      seeded({ numRuns: 2_000 }),
    );
  });
});

describe('reply addresses, of any octets', () => {
  const direct = 'amq.rabbitmq.reply-to.g1h2AA9yZXBseUAxMjI3NDExMDgAAAK1AAAAAGsBFU4=.1W2RZZM0qZzp0WczeJFn6Q==';
  const queue = fc.constantFrom('rpc_queue', 'bücher', 'amq.gen-x');
  const address = (name: string) =>
    fc.oneof(
      octets,
      fc.constantFrom(name, direct, '', `${name}\n`).map((known) => Buffer.from(known)),
      fc
        .tuple(fc.constantFrom('amq.gen-', 'amq.rabbitmq.reply-to', direct), octets)
        .map(([start, rest]) => Buffer.concat([Buffer.from(start), rest])),
      fc
        .nat({ max: direct.length })
        .chain((at) =>
          octets.map((some) =>
            Buffer.concat([Buffer.from(direct.slice(0, at)), some.subarray(0, 2), Buffer.from(direct.slice(at))]),
          ),
        ),
    );

  test('are written to exactly as they were named, and never is the request queue, even if all are allowed', () => {
    fc.assert(
      fc.property(
        queue.chain((name) => fc.tuple(fc.constant(name), address(name))),
        ([requestQueue, named]) => {
          const policy = { requestQueues: new Set([requestQueue]), allowed: [replyAddressPattern('*')] };
          const checked = checkReplyAddress(named.toString('latin1'), policy);
          if (!checked.ok) return;
          assert.deepEqual(Buffer.from(checked.address), named);
          assert.notEqual(checked.address, requestQueue);
          assert.equal(checked.direct, checked.address.startsWith('amq.rabbitmq.reply-to'));
          if (checked.direct) assert.match(checked.address, /^[\w.+/=-]+$/);
        },
      ),
      seeded({ numRuns: 2_000 }),
    );
  });

  test('are taken by default if a library made them of random bits, and not if they are words, numbers and dates', () => {
    const bytes = (length: number) =>
      fc.uint8Array({ minLength: length, maxLength: length }).map((one) => Buffer.from(one));
    const random = fc.oneof(
      fc.tuple(fc.constantFrom('', 'aioamqp.gen-', 'replies:', 'easynetq.response.'), fc.uuid()),
      fc.tuple(
        fc.constantFrom('', 'amq_0x', 'amq_', 'thesis.rpc.'),
        bytes(16).map((one) => one.toString('hex')),
      ),
      fc.tuple(
        fc.constantFrom('client.gen-', 'spring.gen-', 'gen-'),
        bytes(16).map((one) => one.toString('base64url')),
      ),
    );
    // what the forms ask for, of which a random number lacks some once in a few hundred thousand times
    const usual = ([, digits]: [string, string]) =>
      new Set(digits).size > 8 && /[a-f]/i.test(digits) && /[A-Z0-9]/.test(digits);
    fc.assert(
      fc.property(random.filter(usual), ([prefix, digits]) => assert.ok(isUnguessable(prefix + digits))),
      seeded({ numRuns: 1_000 }),
    );
    const words = [
      ...[
        'order',
        'orders',
        'payment',
        'invoice',
        'customer',
        'notification',
        'fulfilment',
        'reconciliation',
        'request',
      ],
      ...[
        'requests',
        'replies',
        'response',
        'rpc',
        'queue',
        'Queue',
        'service',
        'prod',
        'staging',
        'node',
        'events',
        'gen',
      ],
      ...[
        'fibonacci',
        'facade',
        'decade',
        'cafe',
        'deadbeef',
        'spring',
        'client',
        'amq',
        'thesis',
        'easynetq',
        'v2',
        'eu-west-1',
      ],
    ];
    const number = fc.oneof(
      fc.nat(),
      fc.date({ noInvalidDate: true }).map((date) => date.toISOString().slice(0, 10)),
      fc.nat({ max: 2 ** 40 }).map((ms) => String(1_700_000_000_000 + ms)),
      fc.ipV4().map((address) => address.replaceAll('.', '-')),
    );
    const part = fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...words) },
      { weight: 1, arbitrary: number.map(String) },
    );
    const name = fc
      .tuple(fc.array(part, { minLength: 1, maxLength: 5 }), fc.constantFrom('-', '.', '_', ':', '/'))
      .map(([parts, between]) => parts.join(between));
    fc.assert(
      fc.property(name, (shared) => {
        fc.pre(!/gen-.*[A-Z0-9]/.test(shared) || !/gen-[\w-]{22}$/.test(shared));
        assert.ok(!isUnguessable(shared), shared);
      }),
      seeded({ numRuns: 10_000 }),
    );
  });

  test('fit a pattern only if every character of it but * is there', () => {
    fc.assert(
      fc.property(text, text, text, (start, middle, end) => {
        fc.pre(![start, end].some((part) => part.includes('*')));
        const pattern = replyAddressPattern(`${start}*${end}`);
        assert.ok(pattern.test(start + middle + end));
        assert.equal(
          pattern.test(middle),
          middle.length >= (start + end).length && middle.startsWith(start) && middle.endsWith(end),
        );
      }),
      seeded({ numRuns: 1_000 }),
    );
  });
});

describe('error replies, with any content', () => {
  test('come back as they were', () => {
    const message = fc.string({ unit: 'grapheme', minLength: 1 });
    fc.assert(
      fc.property(fc.constantFrom(...rpcErrorCodes), message, (code, detail) => {
        const error = decodeErrorReply(encodeErrorReply(new RpcError(code, detail)));
        assert.deepEqual([error.code, error.message, error.reason], [code, detail, 'ERROR_REPLY']);
      }),
      seeded(),
    );
  });

  test('always are an error of a known code that says something', () => {
    const problem = fc.record(
      { code: fc.anything(), detail: fc.anything(), title: fc.anything() },
      { requiredKeys: [] },
    );
    const body = fc.oneof(
      octets,
      fc.json().map(Buffer.from),
      problem.map((value) => Buffer.from(fc.stringify(value))),
    );
    fc.assert(
      fc.property(body, (bytes) => {
        const error = decodeErrorReply(Buffer.from(bytes));
        assert.ok(error instanceof RpcError && rpcErrorCodes.includes(error.code), String(error));
        assert.equal(error.reason, 'ERROR_REPLY');
        assert.notEqual(error.message, '');
      }),
      seeded({ numRuns: 1_000 }),
    );
  });
});
