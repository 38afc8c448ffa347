import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Delivery } from '../../src/amqp/channel.ts';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { hostileMessage } from '../../test-helpers/hostile-messages.ts';
import { cleanUp, type Running, startWorker } from '../../test-helpers/programs.ts';
import { seed, seeded } from '../../test-helpers/property.ts';
import { type RawMessage, RawPublisher } from '../../test-helpers/raw-publisher.ts';
import { openRaw, startClient, testQueue } from '../../test-helpers/rpc.ts';

/** How many messages are sent; the long run takes 20,000. */
const MESSAGES = Number(process.env.FIB_WORKER_TEST_MESSAGES ?? 1_000);
const MAX_N = 1_000;
const ALLOWED = 'test.allowed';

/** fib(n) by adding up, as nobody would mistake it. */
function fibonacci(n: number): string {
  let [a, b] = [0n, 1n];
  for (let i = 0; i < n; i++) [a, b] = [b, a + b];
  return a.toString();
}

/** Content encodings that leave the body as it is. */
const plainEncodings = ['', 'identity', 'binary', '7bit', '8bit', 'utf-8', 'utf8', 'us-ascii', 'ascii'];
const compressions = ['gzip', 'x-gzip', 'deflate', 'br'];

function encodingOf({ properties: { contentEncoding } }: RawMessage): string {
  return Buffer.from(contentEncoding ?? [])
    .toString('latin1')
    .trim()
    .toLowerCase();
}

/** n, if the body is what the README says a request is. */
function numberIn(message: RawMessage): number | undefined {
  if (!plainEncodings.includes(encodingOf(message))) return undefined;
  const { body } = message;
  const text = Buffer.from(body).toString('latin1');
  const plain =
    body.length > 0 && body.length <= 64 && [...text].every((character) => character >= '0' && character <= '9');
  if (!plain || (text.startsWith('0') && text !== '0') || BigInt(text) > BigInt(MAX_N)) return undefined;
  return Number(text);
}

describe(`one live worker that is sent ${MESSAGES} hostile messages`, () => {
  const sent = { answered: 0, refused: 0, 'missing-reply-to': 0, 'malformed-reply-to': 0, 'refused-reply-to': 0 };
  let refusedByBroker = 0;
  let repliesSeen = 0;

  test(`answers what can be answered, rejects the rest, and goes on (seed ${seed})`, async (t) => {
    const scope = { after: (end: () => unknown) => cleanUp(t, end) };
    const queue = await testQueue(scope);
    const raw = await openRaw(scope);
    const { queue: replyQueue } = await raw.channel.queueDeclare({ queue: '', exclusive: true });
    const replies = await raw.consume(replyQueue);
    const address = await directAddress(scope);
    const publisher = new RawPublisher();
    cleanUp(t, () => publisher.close());
    const args = ['--queue', queue, '--max-n', String(MAX_N), '--allow-reply-to', `${ALLOWED}.*`];
    const worker = await startWorker(t, [...args, '--log', 'json', '--log-requests']);
    const { client } = startClient(scope, { queue });

    const property = fc.asyncProperty(
      hostileMessage({ queue, replyQueue, address, allowed: ALLOWED }),
      async (hostile) => {
        const refusal = await publisher.publish(queue, hostile.message);
        if (refusal !== undefined) refusedByBroker++;
        fc.pre(refusal === undefined); // another one is made up instead
        const { fate } = hostile;
        if (fate === 'reply') checkReply(await replies.next(), hostile.message);
        if (fate !== 'reply' && fate !== 'void') sent[fate]++;
        else sent[numberIn(hostile.message) === undefined ? 'refused' : 'answered']++;
        // it waits behind that one
        assert.equal(String((await client.call('30', { timeout: 20_000 })).body), '832040');
        sent.answered++;
      },
    );
    // a worker that something broke can't be asked again, so there is no shrinking
    await fc.assert(property, seeded({ numRuns: MESSAGES, endOnFailure: true }));

    assert.equal(replies.received.length, repliesSeen, 'each is answered once');
    await worker.stop();
    checkCounts(worker);
    t.diagnostic(`seed ${seed}: ${JSON.stringify(sent)}, ${refusedByBroker} refused by the broker itself`);
  });

  function checkReply(reply: Delivery, message: RawMessage): void {
    repliesSeen++;
    const { correlationId, messageId } = message.properties;
    const given = correlationId ?? messageId;
    const id = given && Buffer.from(given).toString('latin1');
    assert.equal(reply.correlationId, id, 'the id comes back octet for octet');
    const n = numberIn(message);
    const encoding = encodingOf(message);
    const unknown = message.body.length <= 64 && ![...plainEncodings, ...compressions].includes(encoding);
    const code = unknown ? 'UNIMPLEMENTED' : 'INVALID_ARGUMENT';
    if (n !== undefined) assert.deepEqual([reply.type, String(reply.body)], [undefined, fibonacci(n)]);
    else assert.deepEqual([reply.type, JSON.parse(String(reply.body)).code], ['error', code]);
  }

  function checkCounts(worker: Running): void {
    const [stopped] = worker.records('stopped');
    const { answered, refused, ...rejected } = sent;
    const requests = Object.values(sent).reduce((sum, count) => sum + count, 0);
    const { time, message, service, version, instance, ...told } = stopped ?? {};
    assert.ok(time && message && service && version && instance);
    assert.deepEqual(told, {
      level: 'info',
      event: 'stopped',
      requests,
      redelivered: 0,
      answered,
      refused,
      abandoned: 0,
      cancelled: 0,
      strayCancels: 0,
      rejected: { ...rejected, 'caller-gone': 0, 'delivered-too-often': 0 },
      deadLetterCycles: 0,
      overrun: 0,
      overrunning: 0,
      inFlight: 0,
      unfinished: 0,
    });
    assert.equal(worker.records('connected').length, 1, 'it never lost its connection');
    assert.equal(worker.records('handler-failed').length, 0);
    assert.equal(worker.stdout, '');
    for (const line of worker.stderr.trimEnd().split('\n')) assert.match(line, /^\{[^\p{Cc}\u2028\u2029]*\}$/u);
  }
});

/** An address of Direct Reply-To as the broker gives it to workers: that of a channel that stays open. */
async function directAddress(scope: Parameters<typeof openRaw>[0]): Promise<string> {
  const raw = await openRaw(scope, amqpUrl());
  const { queue } = await raw.channel.queueDeclare({ queue: '', exclusive: true });
  const inbox = await raw.consume(queue);
  await raw.channel.basicConsume({ queue: 'amq.rabbitmq.reply-to', noAck: true }, () => {});
  await raw.publish(queue, '', { replyTo: 'amq.rabbitmq.reply-to' });
  return (await inbox.next()).replyTo ?? '';
}
