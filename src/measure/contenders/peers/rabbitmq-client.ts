import { createRequire } from 'node:module';
import type { Connection, RPCClient } from 'rabbitmq-client';
import { parseAmqpUrl } from '../../../amqp/url.ts';
import { errorCode } from '../../../protocol/errors.ts';
import { within } from '../../../protocol/waiting.ts';
import { CALL_TIMEOUT, CallTimeout, type Implementation, type Target } from '../implementation.ts';
import { load, named } from '../package.ts';
import { CLOSE_TIMEOUT, PeerCaller, type PeerClient } from './peer-caller.ts';

/** As it was published: a bundle leaves parts of it out. */
function published(): Promise<typeof import('rabbitmq-client')> {
  return load(
    'rabbitmq-client',
    Promise.resolve().then(() => createRequire(import.meta.filename)('rabbitmq-client')),
  );
}

async function connection({ url, tls }: Target): Promise<Connection> {
  const { Connection } = await published();
  const { hostname, port, username, password, vhost, tls: isTls } = parseAmqpUrl(url);
  const place = { hostname, port, username, password, vhost, tls: isTls ? (tls ?? {}) : false };
  return new Connection({ ...place, noDelay: true, connectionTimeout: CALL_TIMEOUT });
}

async function connect(target: Target, onLost: (error: Error) => void): Promise<PeerClient> {
  const rabbit = await connection(target);
  // it would connect again, for ever
  const lost = new Promise<never>((_, reject) => {
    rabbit.on('error', (error: Error) => {
      rabbit.unsafeDestroy();
      reject(error);
      onLost(error);
    });
  });
  lost.catch(() => {});
  await Promise.race([new Promise((resolve) => rabbit.once('connection', resolve)), lost]);
  const client = rabbit.createRPCClient({ timeout: CALL_TIMEOUT });
  return {
    call: (request) => call(client, target.queue, request),
    discarded: () => 0,
    async close() {
      // in its own time it waits for the calls under way
      await within(
        CLOSE_TIMEOUT,
        Promise.resolve(client.close()).then(() => rabbit.close()),
      );
      rabbit.unsafeDestroy();
    },
  };
}

async function call(client: RPCClient, queue: string, request: string): Promise<Uint8Array> {
  try {
    return Buffer.from((await client.send(queue, request)).body); // text/plain comes as a string
  } catch (error) {
    throw errorCode(error) === 'RPC_TIMEOUT' ? new CallTimeout() : error;
  }
}

const serve: Implementation['serve'] = async (target, { prefetch, answer, onEnd }) => {
  const rabbit = await connection(target);
  return new Promise((resolve, reject) => {
    const server = rabbit.createConsumer(
      {
        queue: target.queue,
        queueOptions: { passive: true },
        qos: { prefetchCount: prefetch },
        requeue: false, // or a request that can't be answered would come again and again
      },
      async (request, reply) => {
        await reply(answer(Buffer.from(request.body)));
      },
    );
    let consuming = false;
    const end = (error: Error) => {
      rabbit.unsafeDestroy();
      if (consuming) onEnd(error);
      else reject(error);
      consuming = false;
    };
    rabbit.on('error', end);
    server.on('error', end);
    server.once('ready', () => {
      consuming = true;
      resolve({
        async close() {
          if (!consuming) return;
          consuming = false;
          await server.close();
          await rabbit.close();
        },
      });
    });
  });
};

/** The library below this project's, with its own way to call and to serve: https://cody-greene.github.io/node-rabbitmq-client */
export const rabbitmqClient: Implementation = {
  name: 'rabbitmq-client',
  detail:
    `${named('rabbitmq-client')} as published: createRPCClient, which is Direct Reply-To, and createConsumer; ` +
    'noDelay set (off, its default, it does 45 calls/s one at a time), no confirms and frame_max 8,192, its defaults; it does ' +
    'not tell what it discards, nor that a queue does not exist',
  designs: ['direct'],
  open: (_design, target) => new PeerCaller((onLost) => connect(target, onLost)),
  serve,
};
