import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Channel, Delivery } from '../../src/amqp/channel.ts';
import { RpcClient } from '../../src/client/client.ts';
import { type ReplyDesign, replyDesigns } from '../../src/client/designs/index.ts';
import { cleanUp } from '../../test-helpers/programs.ts';
import { openRaw, until } from '../../test-helpers/rpc.ts';
import { fib } from './load.ts';
import { brokerForFile, underLoad } from './stage.ts';

const broker = brokerForFile();

/** An error reply, by its properties. */
const asError = { type: 'error', contentType: 'application/problem+json' };
const garbage = Buffer.alloc(1_048_576, 0xfe);

/** A worker that sends forged replies, and its counts. */
class Rogue {
  unknown = 0;
  replayed = 0;
  refused = 0;
  readonly #channel: Channel;
  /** The id that it answered last, by the client's name. */
  readonly #answered = new Map<string, string>();
  #requests = 0;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** Sends the caller of a request everything but its answer, and then the answer, if it does not refuse. */
  async answer({ body, correlationId = '', replyTo = '', headers, deliveryTag }: Delivery): Promise<void> {
    const publish = (content: string | Buffer, properties: object) =>
      this.#channel.basicPublish({ exchange: '', routingKey: replyTo, ...properties }, Buffer.from(content));
    const caller = String(headers?.caller);
    const [other] = [...this.#answered.entries()].find(([client]) => client !== caller) ?? [];
    const unknown = [
      ['forged', { correlationId: 'nobody ever had this id' }],
      ['forged', { correlationId: correlationId.replace(/\d+$/, '999999') }], // not issued yet
      ['forged', {}],
      ['{"code":', { ...asError, correlationId: 'x' }],
      [garbage, { correlationId: 'y' }],
      [garbage, { ...asError }],
      ...(other === undefined ? [] : [['forged', { correlationId: this.#answered.get(other) }] as const]),
    ] as const;
    for (const [content, properties] of unknown) await publish(content, properties);
    this.unknown += unknown.length;
    const old = this.#answered.get(caller);
    if (old !== undefined) {
      await publish('replayed', { correlationId: old });
      this.replayed++;
    }
    const refusal = [undefined, '{"code":', garbage][this.#requests++ % 3];
    if (refusal) {
      await publish(refusal, { ...asError, correlationId });
      this.refused++;
    } else await publish(String(fib(Number(body))), { correlationId, contentType: 'text/plain' });
    this.#answered.set(caller, correlationId);
    await this.#channel.basicAck({ deliveryTag });
  }
}

describe('forged replies', () => {
  test('reach nobody: each is discarded and counted, and broken refusals are typed errors', async (t) => {
    const raw = await openRaw({ after: (end) => cleanUp(t, end) }, broker().url);
    const rogue = new Rogue(raw.channel);
    const refused = ['UNKNOWN/ERROR_REPLY'];
    const errors = { retrying: refused, others: refused };
    const { load, discarded } = await underLoad(
      t,
      { broker: broker(), fault: 'forged replies', errors },
      async (stage) => {
        await raw.channel.basicQos({ prefetchCount: 1 });
        let answering = Promise.resolve();
        let requests = 0;
        const { consumerTag } = await raw.channel.basicConsume({ queue: stage.queue }, (message) => {
          requests++;
          answering = rogue.answer(message);
        });
        await until(() => requests >= 30);
        await raw.channel.basicCancel(consumerTag);
        await answering;
      },
    );
    assert.deepEqual(discarded, { late: 0, duplicate: rogue.replayed, unknown: rogue.unknown });
    assert.equal(load.errors.get('UNKNOWN/ERROR_REPLY'), rogue.refused);
    assert.ok(rogue.replayed > 0 && rogue.refused > 0);
  });

  test('for a client that has just restarted reach neither it nor its successor', async (t) => {
    const raw = await openRaw({ after: (end) => cleanUp(t, end) }, broker().url);
    const { queue } = await raw.channel.queueDeclare({ queue: '', exclusive: true });
    const requests = await raw.consume(queue);
    const fault = 'replies to a restarted client';
    await underLoad(t, { broker: broker(), fault }, async () => {
      for (const reply of Object.keys(replyDesigns) as ReplyDesign[]) {
        const start = () => {
          const client = new RpcClient({ urls: broker().url, reply });
          cleanUp(t, () => client.close({ grace: 0 }));
          return client;
        };
        const [first, second] = [start(), start()];
        const lost = assert.rejects(first.call(queue, '1'), { code: 'CANCELLED' });
        const old = await requests.next();
        await first.close({ grace: 0 });
        await lost;
        const call = second.call(queue, '2');
        const { replyTo = '', correlationId } = await requests.next();
        await raw.publish(old.replyTo ?? '', 'too late', { correlationId: old.correlationId });
        await raw.publish(replyTo, 'for another', { correlationId: old.correlationId });
        await raw.publish(replyTo, 'the answer', { correlationId });
        assert.equal(String((await call).body), 'the answer');
        assert.deepEqual(second.stats().discarded, { late: 0, duplicate: 0, unknown: 1 });
        await second.close();
      }
    });
  });
});
