import { parseAmqpUrl } from '../../amqp/url.ts';
import { CALL_TIMEOUT, type Caller, type Target } from '../contenders/implementation.ts';
import type { WireCost } from '../document/document.ts';
import { ask, SMALL } from '../engine/attempt.ts';
import { CountingProxy } from './counting-proxy.ts';
import { throughProxy } from './through-proxy.ts';

/** A caller whose frames are counted. */
export interface CountedClient {
  /** One call. @throws Error if its reply is not the right one; as the caller does */
  call(signal: AbortSignal): Promise<void>;
  /** Disconnects in order. */
  close(): Promise<void>;
  /** Measures the costs of an act: its round trips until it is done, its frames until nothing is under way any more. */
  costOf(act: () => Promise<void>, signal: AbortSignal): Promise<WireCost>;
}

/**
 * Opens a caller on a counting proxy before the target, runs `act` with it, and closes both.
 * @throws as `act` does; what went wrong with the connection instead, if something did
 */
export async function withCountedClient<T>(
  open: (through: Target) => Caller,
  target: Target,
  act: (client: CountedClient) => Promise<T>,
): Promise<T> {
  const { proxy, port } = await CountingProxy.open(parseAmqpUrl(target.url));
  const caller = open(throughProxy(target, port));
  try {
    return await act({
      call: (signal) => ask(caller, SMALL, signal),
      close: () => caller.close(),
      async costOf(work, signal) {
        const before = proxy.counts();
        await work();
        const { roundTrips } = proxy.counts();
        await settled(proxy, signal);
        return minus({ ...proxy.counts(), roundTrips }, before);
      },
    });
  } catch (error) {
    throw proxy.failure ?? error;
  } finally {
    await caller.close().catch(() => {}); // why it failed is told already
    await proxy.close();
  }
}

async function settled(proxy: CountingProxy, signal: AbortSignal): Promise<void> {
  const limit = AbortSignal.timeout(CALL_TIMEOUT);
  await proxy.quiet(AbortSignal.any([signal, limit])).catch((error: unknown) => {
    throw limit.aborted ? new Error(`the broker did not answer everything within ${CALL_TIMEOUT} ms`) : error;
  });
}

/** The difference of two costs. */
export function minus(a: WireCost, b: WireCost): WireCost {
  return {
    framesOut: a.framesOut - b.framesOut,
    framesIn: a.framesIn - b.framesIn,
    bytesOut: a.bytesOut - b.bytesOut,
    bytesIn: a.bytesIn - b.bytesIn,
    roundTrips: a.roundTrips - b.roundTrips,
  };
}
