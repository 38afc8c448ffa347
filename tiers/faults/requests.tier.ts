import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { cleanUp } from '../../test-helpers/programs.ts';
import { field, publishRaw, table } from '../../test-helpers/raw-amqp.ts';
import { addressOnDeadNode, malformedAddresses } from '../../test-helpers/reply-addresses.ts';
import { openRaw } from '../../test-helpers/rpc.ts';
import { fib } from './load.ts';
import { brokerForFile, type Outcome, type Stage, underLoad } from './stage.ts';

const broker = brokerForFile();

describe('hostile requests among good ones', () => {
  test('with malformed reply addresses are rejected, and cost no connection', async (t) => {
    const raw = await openRaw({ after: (end) => cleanUp(t, end) }, broker().url);
    let sent = 0;
    let lost = 0;
    const outcome = await underLoad(t, { broker: broker(), fault: 'malformed reply addresses' }, async (stage) => {
      for (const replyTo of malformedAddresses) await raw.publish(stage.queue, '1', { replyTo });
      sent += malformedAddresses.length;
      await stage.load.goesOn(50);
      lost = connectionsLost(stage);
    });
    assert.equal(rejected(outcome, 'malformed-reply-to'), sent);
    assert.equal(lost, 0);
  });

  test('with addresses on a node that is not there cost at most one reconnect each', async (t) => {
    const raw = await openRaw({ after: (end) => cleanUp(t, end) }, broker().url);
    let addresses = 0;
    let lost = 0;
    await underLoad(t, { broker: broker(), fault: 'addresses on a dead node' }, async (stage) => {
      for (let n = 0; n < 10; n++) await raw.publish(stage.queue, '1', { replyTo: addressOnDeadNode(addresses++) });
      await stage.load.goesOn(50);
      lost = connectionsLost(stage);
    });
    assert.ok(lost <= addresses, `${lost} connections lost, for ${addresses} addresses`);
    // 3.10 closes the connection of a worker that replies there (541); later versions drop the reply
    const closes = broker().version.startsWith('3.');
    assert.equal(lost > 0, closes, `${lost} connections lost on ${broker().version}`);
    t.diagnostic(`${lost} connections lost for ${addresses} addresses on ${broker().version}`);
  });

  test('with header tables of every kind are answered, or refused by the broker itself', async (t) => {
    const raw = await openRaw({ after: (end) => cleanUp(t, end) }, broker().url);
    const { queue: replyQueue } = await raw.channel.queueDeclare({ queue: '', exclusive: true });
    const replies = await raw.consume(replyQueue);
    const refused = new Set<string>();
    let lost = 0;
    await underLoad(t, { broker: broker(), fault: 'header tables' }, async (stage) => {
      for (const [index, [name, headers]] of Object.entries(headerTables()).entries()) {
        const properties = { headers, replyTo: Buffer.from(replyQueue), correlationId: Buffer.from(name) };
        try {
          await publishRaw(stage.queue, String(index), properties, broker().url);
        } catch {
          refused.add(name);
          continue;
        }
        const { correlationId, body } = await replies.next();
        assert.deepEqual([correlationId, String(body)], [name, String(fib(index))]);
      }
      lost = connectionsLost(stage);
    });
    assert.equal(lost, 0);
    // no type that is cut short or that AMQP does not know must get through; every other one does
    assert.deepEqual(
      [...refused].filter((name) => !/cut short|^type [U?]/.test(name)),
      [],
    );
    t.diagnostic(`${broker().version} itself refuses: ${[...refused].join(', ') || 'none'}`);
  });
});

/** Header tables: of each type, valid and cut short, nested in both ways, deep, and large. */
function headerTables(): Record<string, Buffer> {
  const octets = (length: number) => Buffer.alloc(length, 1);
  const long = Buffer.concat([Buffer.from([0, 0, 0, 3]), Buffer.from('abc')]);
  // https://www.rabbitmq.com/amqp-0-9-1-errata, section 3, and the specification's own that differ
  const values: Record<string, Buffer> = {
    t: octets(1),
    b: octets(1),
    B: octets(1),
    s: octets(2),
    u: octets(2),
    U: octets(2),
    I: octets(4),
    i: octets(4),
    l: octets(8),
    L: octets(8),
    f: octets(4),
    d: octets(8),
    D: octets(5),
    S: long,
    x: long,
    A: table(Buffer.concat([Buffer.from('t'), octets(1)])),
    F: table(field('inner', 't', octets(1))),
    T: octets(8),
    V: octets(0),
    '?': octets(4),
  };
  const tables: Record<string, Buffer> = {};
  for (const [type, value] of Object.entries(values)) {
    tables[`type ${type}`] = field('x', type, value);
    tables[`type ${type} in a table`] = field('y', 'F', table(field('x', type, value)));
    tables[`type ${type} in an array`] = field('y', 'A', table(Buffer.concat([Buffer.from(type, 'latin1'), value])));
    if (value.length > 0) tables[`type ${type} cut short`] = field('x', type, value.subarray(0, -1));
  }
  let deep = field('x', 't', octets(1));
  for (let depth = 0; depth < 4_000; depth++) deep = field('x', 'F', table(deep));
  const many = Array.from({ length: 5_000 }, (_, n) => field(`key ${n}`, 'S', long));
  return {
    ...tables,
    'a name cut short': Buffer.from([200, 1, 2]),
    '4,000 tables deep': deep,
    '5,000 entries': Buffer.concat(many),
    '100 kB in one entry': field('x', 'S', table(Buffer.alloc(100_000, 0x61))),
    'the same name many times': Buffer.concat(Array.from({ length: 1_000 }, () => field('x', 't', octets(1)))),
    ['__proto__']: field('__proto__', 'F', table(field('polluted', 't', octets(1)))),
  };
}

function connectionsLost({ workers }: Stage): number {
  return workers.reduce((sum, worker) => sum + worker.records('disconnected').length, 0);
}

function rejected({ totals }: Outcome, reason: string): number {
  return totals.reduce((sum, worker) => sum + Number(worker.rejected[reason]), 0);
}
