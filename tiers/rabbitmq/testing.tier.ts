import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connect } from '../../src/amqp/dial.ts';
import { inspectQueue } from '../../src/amqp/queues.ts';
import { parseAmqpUrl } from '../../src/amqp/url.ts';
import { startRabbitMQ } from '../../src/testing.ts';
import { testVersion } from '../../test-helpers/own-broker.ts';

describe('startRabbitMQ', () => {
  it('starts one with virtual hosts of their own, whose queues nobody else sees, and stops it', async (t) => {
    const said: string[] = [];
    const rabbitmq = await startRabbitMQ({
      version: testVersion(),
      plugins: ['rabbitmq_consistent_hash_exchange'],
      config: ['heartbeat = 77'],
      onProgress: (line) => said.push(line),
    });
    t.after(() => rabbitmq.stop());
    assert.match(rabbitmq.version, /^\d+\.\d+\.\d+/);
    assert.match(rabbitmq.description, new RegExp(`^RabbitMQ ${rabbitmq.version} of our own `));
    assert.deepEqual(rabbitmq.urls, [rabbitmq.url]);

    const [one, other] = await Promise.all([rabbitmq.vhost(), rabbitmq.vhost()]);
    assert.deepEqual(one.urls, [`${rabbitmq.url}/${one.name}`]);
    const connection = await connect(parseAmqpUrl(one.url));
    t.after(() => connection.close());
    const channel = await connection.openChannel();
    await channel.queueDeclare({ queue: 'mine', durable: true });
    await channel.exchangeDeclare({ exchange: 'plugin', type: 'x-consistent-hash' });
    assert.deepEqual(await inspectQueue(parseAmqpUrl(one.url), 'mine'), { messageCount: 0, consumerCount: 0 });
    assert.equal(await inspectQueue(parseAmqpUrl(other.url), 'mine'), undefined);

    const lost = new Promise<Error>((resolve) => {
      connection.observer = { onLost: resolve };
    });
    await one.delete();
    await lost;
    await one[Symbol.asyncDispose](); // the same again is nothing
    await assert.rejects(connect(parseAmqpUrl(one.url)), { reason: 'ACCESS_REFUSED' });

    await Promise.all([rabbitmq.stop(), rabbitmq[Symbol.asyncDispose]()]);
    await assert.rejects(connect(parseAmqpUrl(rabbitmq.url)), { reason: 'NO_BROKER' });
  });

  it('refuses wrong options, each by its name', async () => {
    const wrong: readonly (readonly [options: object, message: RegExp])[] = [
      [{ version: 4.3 }, /^version: expected one such as '4\.3', got 4\.3$/],
      [{ version: 'latest' }, /^version: .* got 'latest'$/],
      [{ nodes: 0 }, /^nodes: expected an integer from 1 to 9, got 0$/],
      [{ plugins: 'rabbitmq_management' }, /^plugins: expected an array of names/],
      [{ plugins: ['a].\n'] }, /^plugins: .* got 'a\]\.\\n'$/],
      [{ config: ['a = 1\nb = 2'] }, /^config: expected an array of lines, got/],
      [{ onProgress: 1 }, /^onProgress: expected a function, got 1$/],
      [{ signal: {} }, /^signal: expected an AbortSignal, got \{\}$/],
      [{ vresion: '4.3' }, /^options: expected options among version, .* got 'vresion'$/],
    ];
    for (const [options, message] of wrong)
      await assert.rejects(startRabbitMQ(options), { name: 'TypeError', message });
  });

  it('names the ways to one where there is none', async () => {
    const { PATH } = process.env;
    process.env.PATH = '/nowhere'; // no apt, no docker
    try {
      await assert.rejects(
        startRabbitMQ({ version: '3.8' }),
        /^Error: no RabbitMQ 3\.8 could be started[\s\S]*apt[\s\S]*Docker engine/,
      );
    } finally {
      process.env.PATH = PATH;
    }
  });

  it('gives up when its signal aborts', async () => {
    const reason = new Error('enough');
    await assert.rejects(startRabbitMQ({ signal: AbortSignal.abort(reason) }), reason);
    await assert.rejects(startRabbitMQ({ signal: AbortSignal.timeout(500) }), { name: 'TimeoutError' });
  });
});
