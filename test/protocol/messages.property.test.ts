import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parseAmqpUrl, parseAmqpUrlList } from '../../src/amqp/url.ts';
import { RpcError, rpcErrorCodes } from '../../src/protocol/errors.ts';
import { decodeErrorReply, encodeErrorReply } from '../../src/protocol/reply.ts';
import { checkReplyAddress, replyAddressPattern } from '../../src/protocol/reply-address.ts';
import { seeded } from '../../test-helpers/property.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 30 });
const octets = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));

describe('AMQP URLs, whatever they hold', () => {
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

describe('reply addresses, whatever octets they are', () => {
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

describe('error replies, whatever they hold', () => {
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
