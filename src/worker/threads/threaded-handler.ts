import type { RequestHandler } from '../handler.ts';
import type { ThreadPool } from './thread-pool.ts';

/** A handler that runs each request in a thread of `pool`; what it returns are the reply's octets. */
export function threadedHandler(pool: ThreadPool): RequestHandler {
  return ({ body, contentType }, { redelivered, headers, deadline, signal }) =>
    pool.run({ body, contentType, redelivered, headers }, { deadline, signal });
}
