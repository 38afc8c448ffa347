/** The processor time that a process has used until now, and the memory that it holds. */
export interface Usage {
  /** Processor time of all its threads, in µs. */
  readonly cpu: number;
  /** Bytes of the JavaScript heap in use, and of Buffers beside it; after a collection if Node runs with --expose-gc. */
  readonly heap: number;
  /** Bytes of memory that it occupies. */
  readonly rss: number;
}

/** The processor time of this process until now, in µs. */
export function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Reads the usage of this process. */
export function usage({ collect }: { readonly collect: boolean }): Usage {
  const cpu = processorTime(); // before the collection, which is nobody's call
  if (collect) globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { cpu, heap: heapUsed + external, rss };
}
