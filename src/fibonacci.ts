// The function that the worker serves by default, written as a function of one's own is (docs/your-function.md), which
// imports 'fib-worker/function'.
import { type FunctionContext, integer, type OptionValues, oneOf, RpcError, type RpcRequest } from './function/api.ts';

/** The function's name in logs and in `--help`. */
export const name = 'fib';

/** The longest request body that is looked at, in bytes. */
export const maxRequestBytes = 64;

/** fib(10,000,000) has 2,089,877 digits and takes seconds; RabbitMQ 4 refuses messages over 16 MiB. */
const MAX_MAX_N = 10_000_000;

/**
 * The largest n for the recursive algorithm, whose run time grows with fib(n) itself: on the event loop one that takes
 * less than a second, in a thread, which can be ended, one that takes days.
 */
export function recursiveMaxN(): number {
  recursiveLimit ??= inMainThread() ? 35 : 60;
  return recursiveLimit;
}
let recursiveLimit: number | undefined;

/** node:worker_threads takes milliseconds to load, and only this algorithm needs it. */
function inMainThread(): boolean {
  return process.getBuiltinModule('node:worker_threads').isMainThread;
}

/** Fast doubling: F(2k) = F(k)·(2F(k+1) − F(k)) and F(2k+1) = F(k)² + F(k+1)², for each bit of n from the top. */
function doubling(n: number): bigint {
  let [a, b] = [0n, 1n];
  for (const bit of n.toString(2)) {
    const [even, odd] = [a * (2n * b - a), a * a + b * b];
    [a, b] = bit === '1' ? [odd, even + odd] : [even, odd];
  }
  return a;
}

/** The tutorial's slow one, kept as a stand-in for heavy work. */
function recursive(n: number): bigint {
  return n < 2 ? BigInt(n) : recursive(n - 1) + recursive(n - 2);
}

/** The ways to compute fib(n), by name. Each is exact for every whole n ≥ 0. */
export const fibonacciAlgorithms = { doubling, recursive } satisfies Record<string, (n: number) => bigint>;

/** The name of an algorithm. */
export type FibonacciAlgorithm = keyof typeof fibonacciAlgorithms;

const algorithmNames = Object.keys(fibonacciAlgorithms) as (keyof typeof fibonacciAlgorithms)[];

/** Its options on the worker's command line. */
export const options = {
  maxN: {
    flag: 'max-n',
    type: 'string',
    placeholder: 'N',
    env: 'MAX_N',
    default: '100000', // fib(100000) has 20,899 digits
    parse: integer({ min: 0, max: MAX_MAX_N }),
    help: 'largest n that is answered',
  },
  algorithm: {
    flag: 'algorithm',
    type: 'string',
    placeholder: 'NAME',
    env: 'ALGORITHM',
    default: 'doubling',
    parse: oneOf(algorithmNames),
    help: "doubling, or recursive: the tutorial's slow one, n up to 35, with --threads up to 60",
  },
} as const;

// The first that fits names the rule that was broken; the last fits everything.
const refusals: readonly (readonly [RegExp, string])[] = [
  [/^$/, 'the request is empty: send n in ASCII decimal digits'],
  [/^0[0-9]+$/, 'n must be written without leading zeros'],
  [/^[+-][0-9]+$/, 'n must be written without a sign'],
  [/^[ \t\r\n]*[0-9]+[ \t\r\n]*$/, 'n must be written without spaces or line ends'],
  [/^/, 'n must be a whole number in ASCII decimal digits, nothing else'],
];

/**
 * Reads n from a request: at most {@link maxRequestBytes} bytes, an ASCII decimal integer without sign, spaces or
 * leading zeros, and at most `maxN`. A request that breaks a rule is refused before anything is computed.
 *
 * @throws RpcError `INVALID_ARGUMENT`, saying which rule and showing the start of the value
 */
export function parseN(body: Uint8Array | string, maxN: number): number {
  // A Buffer that crossed a thread arrives as a plain Uint8Array.
  const bytes = typeof body === 'string' ? Buffer.from(body) : Buffer.from(body.buffer, body.byteOffset, body.length);
  if (bytes.length > maxRequestBytes) {
    throw refusal(`the request must be at most ${maxRequestBytes} bytes long, this one has ${bytes.length}`, bytes);
  }
  // latin1 makes one character of each byte, so that no byte can hide.
  const text = bytes.toString('latin1');
  if (!/^(?:0|[1-9][0-9]*)$/.test(text)) {
    throw refusal(refusals.find(([form]) => form.test(text))?.[1] ?? '', bytes);
  }
  // At most 64 digits, so this is finite; past 2^53 it is rounded, but never to anything below 2^53 ≥ maxN.
  const n = Number(text);
  if (n > maxN) throw refusal(`n must be at most ${maxN}`, bytes);
  return n;
}

/**
 * From a request's body (n in ASCII decimal) to fib(n) in decimal digits.
 * @throws RpcError as {@link parseN} does
 */
export function fibonacci(body: Uint8Array, { maxN, algorithm }: OptionValues<typeof options>): string {
  const limit = algorithm === 'recursive' ? Math.min(maxN, recursiveMaxN()) : maxN;
  return fibonacciAlgorithms[algorithm](parseN(body, limit)).toString();
}

/** Answers n with fib(n), both in decimal digits. */
export default function answer(request: RpcRequest, context: FunctionContext<typeof options>): string {
  return fibonacci(request.bytes(), context.options);
}

const SHOWN_CHARACTERS = 32;

/** Anyone may have sent these bytes, and the message ends in logs and terminals: so printable ASCII only, and not much. */
function refusal(rule: string, bytes: Buffer): RpcError {
  if (bytes.length === 0) return new RpcError('INVALID_ARGUMENT', rule);
  // No character of UTF-8 is longer than four bytes.
  const characters = [...bytes.subarray(0, 4 * (SHOWN_CHARACTERS + 1)).toString('utf8')];
  const start = JSON.stringify(characters.slice(0, SHOWN_CHARACTERS).join(''));
  const ascii = start.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return new RpcError('INVALID_ARGUMENT', `${rule}; got ${ascii}${characters.length > SHOWN_CHARACTERS ? '…' : ''}`);
}
