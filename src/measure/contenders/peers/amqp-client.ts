import type { AMQPSession, AMQPTlsOptions } from '@cloudamqp/amqp-client';
import { CALL_TIMEOUT, CallTimeout, type Implementation, type Target } from '../implementation.ts';
import { load, named } from '../package.ts';
import { PeerCaller, type PeerClient } from './peer-caller.ts';

const PACKAGE = '@cloudamqp/amqp-client';

async function session({ url, tls }: Target, onLost: (error: Error) => void): Promise<AMQPSession> {
  const { AMQPSession: Session } = await load(PACKAGE, import('@cloudamqp/amqp-client'));
  let session: AMQPSession | undefined;
  session = await Session.connect(url, {
    // typed for certificates alone, but all of it goes to net.connect and tls.connect: the one way to set TCP_NODELAY
    tlsOptions: { ...tls, noDelay: true } as AMQPTlsOptions,
    ondisconnect(error) {
      void session?.stop(); // it would connect again, for ever
      onLost(error ?? new Error('the connection was lost'));
    },
  });
  return session;
}

async function connect(target: Target, onLost: (error: Error) => void): Promise<PeerClient> {
  const own = await session(target, onLost);
  const rpc = await own.rpcClient();
  return {
    async call(request) {
      const { body } = await rpc.call(target.queue, request, { timeout: CALL_TIMEOUT }).catch(explain);
      return body ?? new Uint8Array();
    },
    discarded: () => 0,
    async close() {
      await rpc.close();
      await own.stop();
    },
  };
}

function explain(error: unknown): never {
  throw error instanceof Error && error.message.startsWith('No response received') ? new CallTimeout() : error;
}

const serve: Implementation['serve'] = async (target, { prefetch, answer, onEnd }) => {
  let consuming = false;
  const own = await session(target, (error) => {
    if (consuming) onEnd(error);
    consuming = false;
  });
  try {
    await own.queue(target.queue, { passive: true }); // rpcServer takes a queue that the session knows as it is
    const server = await own.rpcServer(target.queue, ({ body }) => answer(body ?? new Uint8Array()), prefetch);
    consuming = true; // from now on it tells of a lost connection, but not if its queue is deleted
    return {
      async close() {
        consuming = false;
        await server.close();
        await own.stop();
      },
    };
  } catch (error) {
    await own.stop();
    throw error;
  }
};

/** CloudAMQP's library, with its own RPC: https://github.com/cloudamqp/amqp-client.js */
export const amqpClient: Implementation = {
  name: 'amqp-client',
  detail:
    `${named(PACKAGE)}: AMQPSession's rpcClient, which is Direct Reply-To, and rpcServer; TCP_NODELAY set by way of ` +
    'tlsOptions, for want of an option (off, it does 45 calls/s one at a time), frame_max 8,192, its default; it does ' +
    'not tell what it discards, nor that a queue does not exist',
  designs: ['direct'],
  open: (_design, target) => new PeerCaller((onLost) => connect(target, onLost)),
  serve,
};
