import { RpcClient } from '../src/client/client.ts';
import { CALL_TIMEOUT, designs, type Implementation } from '../src/measure/contenders/implementation.ts';

/** The library's client, as a comparison drives it. */
export const library: Pick<Implementation, 'name' | 'designs' | 'open'> = {
  name: 'fib-worker',
  designs,
  open(design, { url, tls, queue }) {
    const client = new RpcClient({ urls: url, ...(tls && { tls }), reply: design, timeout: CALL_TIMEOUT });
    return {
      call: async (request, signal) => (await client.call(queue, request, { signal })).body,
      discarded: () => 0,
      close: () => client.close(),
    };
  },
};
