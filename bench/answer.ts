import { fibonacci } from '../src/fibonacci.ts';

/** The longest answer that can be asked for by its size, in bytes. */
const MAX_BYTES = 4 * 1024 * 1024;

/** As the worker has them by default. */
const options = { maxN: 100_000, algorithm: 'doubling' } as const;
const ofSize = new Map<number, Buffer>();

/**
 * What every implementation serves: `30` is answered by fib(30), computed each time, and `bytes:N` by N times the letter
 * x, N up to 4,194,304, made once.
 * @throws RpcError on any other request
 */
export function answer(request: Uint8Array): Buffer {
  const text = Buffer.from(request.buffer, request.byteOffset, request.length).toString('latin1');
  const size = text.startsWith('bytes:') ? Number(text.slice('bytes:'.length)) : -1;
  if (!Number.isInteger(size) || size < 0 || size > MAX_BYTES) return Buffer.from(fibonacci(request, options));
  const made = ofSize.get(size) ?? Buffer.alloc(size, 'x');
  ofSize.set(size, made);
  return made;
}
