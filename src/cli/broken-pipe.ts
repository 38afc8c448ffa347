import type { Writable } from 'node:stream';

/**
 * Ends the program quietly, with exit code 0, once nobody reads its output any more, as in `… | head -1`. Any other
 * error of the stream is thrown.
 *
 * @returns stops watching
 */
export function exitOnBrokenPipe(
  stream: Writable = process.stdout,
  exit: (code: number) => void = process.exit,
): () => void {
  const listener = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'EPIPE') throw error;
    exit(0);
  };
  stream.on('error', listener);
  return () => void stream.off('error', listener);
}
