import { tlsFor } from '../../amqp/url.ts';
import { RpcClient } from '../../client/client.ts';
import { RpcError } from '../../protocol/errors.ts';
import { RpcWorker } from '../../worker/worker.ts';
import {
  CALL_TIMEOUT,
  type Caller,
  type CallerLimits,
  CallTimeout,
  type Design,
  designs,
  type Implementation,
  type Target,
} from './implementation.ts';
import { named, versions } from './package.ts';

/** More than any workload has under way: a call that waited for others to settle would be the limit's cost, not a design's. */
const MAX_IN_FLIGHT = 1_000_000;

function open(
  design: Design,
  target: Target,
  { inFlight, timeout }: CallerLimits = { inFlight: MAX_IN_FLIGHT, timeout: CALL_TIMEOUT },
): Caller {
  const client = new RpcClient({
    ...place(target),
    reply: design,
    timeout,
    maxInFlight: inFlight,
    connectionName: `fib-worker compare (${design})`,
  });
  return {
    async call(request, signal) {
      try {
        return (await client.call(target.queue, request, signal && { signal })).body;
      } catch (error) {
        throw error instanceof RpcError && error.reason === 'TIMEOUT' ? new CallTimeout() : error;
      }
    },
    discarded: () => Object.values(client.stats().discarded).reduce((sum, count) => sum + count, 0),
    close: () => client.close({ grace: 0 }),
  };
}

const serve: Implementation['serve'] = async (target, { prefetch, answer, onEnd }) => {
  const worker = new RpcWorker({ ...place(target), connectionName: 'fib-worker compare (worker)' });
  worker.serve(target.queue, ({ body }) => ({ body: answer(body), contentType: 'text/plain' }), { prefetch });
  let consuming = false;
  // it would try again, for ever: who measures wants to know at once
  const failed = new Promise<never>((_, reject) => {
    worker.on('*', (event) => {
      if (event.type !== 'disconnected' && event.type !== 'retrying') return;
      if (consuming) onEnd(event.error);
      else reject(event.error);
      void worker.close();
    });
  });
  await Promise.race([worker.start(), failed]);
  consuming = true;
  return { close: async () => void (await worker.close()) };
};

function place({ url, tls }: Target) {
  return { urls: url, tls: tlsFor([url], tls) };
}

/** This project's own client and worker. */
export const fibWorker: Implementation = {
  name: 'fib-worker',
  detail:
    `this project's RpcClient and RpcWorker ${versions['fib-worker']} on ${named('rabbitmq-client')}; ` +
    'TCP_NODELAY, no retries',
  designs,
  open,
  serve,
};
