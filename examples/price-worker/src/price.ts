import { defineFunction } from 'fib-worker/function';
import { z } from 'zod';

/** In cents, each. */
const prices = new Map([
  ['apple', 30],
  ['pear', 45],
]);

/** The price of some pieces of one thing. */
export default defineFunction({
  name: 'price', // and its queue
  prefetch: 10,
  request: z.object({ sku: z.string(), count: z.int().min(1).max(1_000).default(1) }),
  reply: z.object({ cents: z.int() }),
  errors: { NOT_FOUND: { data: z.object({ sku: z.string() }) } },
  handler({ sku, count }, _context, errors) {
    const each = prices.get(sku);
    if (each === undefined) throw errors.NOT_FOUND(`there is no ${sku}`, { sku });
    return { cents: each * count };
  },
});
