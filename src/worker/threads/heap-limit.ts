import { totalmem } from 'node:os';

/** What is left to the main thread and to everything outside of heaps, as a share of the memory. */
const RESERVED = 0.4;

/** A thread gets no more than this, in MiB: V8's own limit on a large machine. */
const MAX = 4_096;

/** A thread needs at least this to load the function, in MiB. */
const MIN = 32;

/**
 * The heap that each of `threads` threads may fill, in MiB, so that they run out of memory before the machine or the
 * container does: then one call fails, and not the process. Buffers are outside of heaps, and not bounded by it.
 * `--max-old-space-size`, as an argument of Node or in NODE_OPTIONS, wins: with it V8 heeds no other limit, in threads either.
 */
export function heapLimit(threads: number, memory = availableMemory(), flags = nodeFlags()): number {
  const asked = [...flags.matchAll(/--max[-_]old[-_]space[-_]size[= ](\d+)/g)].at(-1)?.[1]; // the last one counts
  if (asked !== undefined && Number(asked) > 0) return Number(asked);
  const share = (memory * (1 - RESERVED)) / threads / 2 ** 20;
  return Math.floor(Math.min(MAX, Math.max(MIN, share)));
}

/** Node's own arguments, in the order in which it reads them. */
function nodeFlags(): string {
  return [process.env.NODE_OPTIONS ?? '', ...process.execArgv].join(' ');
}

/** The container's limit, or the machine's memory, in bytes. */
function availableMemory(): number {
  const constrained = process.constrainedMemory(); // 0, or more than there is: no limit
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}
