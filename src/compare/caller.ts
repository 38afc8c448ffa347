import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { RpcClient } from '../rpc/client.ts';
import type { ReplyStrategy } from '../rpc/reply-strategies/index.ts';

/** What a workload drives: a client of some design. It connects at its first call. */
export interface Caller {
  /** Resolves to the reply's text; rejects as the client does, or with the signal's reason. */
  call(request: string, signal: AbortSignal): Promise<string>;
  /** Replies so far that nobody waited for. */
  discarded(): number;
  /** Disconnects in order, whatever the design has to tidy up included. */
  close(): Promise<void>;
}

/** How long a call may take, connecting included, in ms: long enough to be no part of any figure on a broker that works. */
export const CALL_TIMEOUT = 10_000;

/** Makes callers out of this project's own client, one design for each reply strategy. */
export function rpcCallers(options: {
  readonly url: string;
  readonly tls: TlsOptions | undefined;
  readonly queue: string;
}): (design: ReplyStrategy) => Caller {
  return (design) => {
    const client = new RpcClient({
      urls: options.url,
      ...(options.tls ? { tls: options.tls } : {}),
      queue: options.queue,
      reply: design,
      timeout: CALL_TIMEOUT,
      connectionName: `fib-worker compare (${design})`,
    });
    return {
      call: async (request, signal) => (await client.call(request, { signal })).body.toString(),
      discarded: () => Object.values(client.stats().discarded).reduce((sum, count) => sum + count, 0),
      close: () => client.close(),
    };
  };
}
