// A function of your own to begin with: docs/your-function.md goes through it.
import { type FunctionContext, integer, RpcError, type RpcRequest } from 'fib-worker/function';

/** What it is called in logs and in `--help`. */
export const name = 'words';

/** The content type of replies: with this one, whatever the function returns is sent as JSON. */
export const contentType = 'application/json';

/** A longer request is refused before it gets here, in bytes. */
export const maxRequestBytes = 100_000;

/** Its options on the worker's command line; their values are in `context.options`. */
export const options = {
  minLength: {
    flag: 'min-length',
    type: 'string',
    placeholder: 'N',
    env: 'MIN_LENGTH',
    default: '1',
    parse: integer({ min: 1, max: 100 }),
    help: 'shorter words are not counted',
  },
} as const;

/** Counts the words of `{ "text": "…" }`. */
export default function words(request: RpcRequest, context: FunctionContext<typeof options>) {
  const { text } = Object(request.json()) as { text?: unknown };
  if (typeof text !== 'string') throw new RpcError('INVALID_ARGUMENT', 'expected an object such as {"text": "to be"}');
  const found = text.match(/\p{L}+/gu) ?? [];
  const counted = found.filter((word) => word.length >= context.options.minLength);
  context.log.info('counted', { words: counted.length });
  return { words: counted.length, different: new Set(counted.map((word) => word.toLowerCase())).size };
}
