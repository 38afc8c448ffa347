import { fibonacci } from '../../fibonacci.ts';

/** The longest answer that can be asked for by its size, in bytes. */
const MAX_BYTES = 4 * 1024 * 1024;

/** The longest that a request can keep its worker busy, in ms. */
const MAX_BUSY = 1_000;

const DONE = Buffer.from('done');

/** As the worker has them by default. */
const options = { maxN: 100_000, algorithm: 'doubling' } as const;
const ofSize = new Map<number, Buffer>();

/**
 * The function that every implementation serves: `30` is answered by fib(30), computed each time, and `bytes:N` by N times the letter
 * x, N up to 4,194,304, made once, and `busy:N` by `done` after N ms, N up to 1,000, in which the worker does nothing else.
 * @throws RpcError on any other request
 */
export function answer(request: Uint8Array): Buffer {
  const text = Buffer.from(request.buffer, request.byteOffset, request.length).toString('latin1');
  const busy = amountOf(text, 'busy:', MAX_BUSY);
  if (busy !== undefined) return standStill(busy);
  const size = amountOf(text, 'bytes:', MAX_BYTES);
  if (size === undefined) return Buffer.from(fibonacci(request, options));
  const made = ofSize.get(size) ?? Buffer.alloc(size, 'x');
  ofSize.set(size, made);
  return made;
}

/** The whole number behind a prefix, up to `max`; undefined if it is anything else. */
function amountOf(text: string, prefix: string, max: number): number | undefined {
  if (!text.startsWith(prefix)) return undefined;
  const amount = Number(text.slice(prefix.length));
  return Number.isInteger(amount) && amount >= 0 && amount <= max ? amount : undefined;
}

function standStill(milliseconds: number): Buffer {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
  return DONE;
}
