// A function in the plain form, without a schema: text in, text out. Its queue is called as this file is.
import { type FunctionContext, integer, RpcError, type RpcRequest } from 'fib-worker/function';

/** Its options on the worker's command line. */
export const options = {
  rate: {
    flag: 'tax-rate',
    type: 'string',
    placeholder: 'PERCENT',
    env: 'TAX_RATE',
    default: '19',
    parse: integer({ min: 0, max: 100 }),
    help: 'what is added to a price',
  },
} as const;

/** The tax on an amount in cents. */
export default function tax(request: RpcRequest, context: FunctionContext<typeof options>) {
  const cents = Number(request.text());
  if (!Number.isInteger(cents)) throw new RpcError('INVALID_ARGUMENT', 'expected cents, such as 90');
  return Math.round((cents * context.options.rate) / 100);
}
