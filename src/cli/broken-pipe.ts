import type { Writable } from 'node:stream';

/**
 * Ends the program quietly, with exit code 0, once nobody reads its output any more, as in `… | head -1`. Any other
 * error of the stream, such as a full disk, ends it with a line on standard error and exit code 1.
 *
 * @returns stops watching
 */
export function exitOnBrokenPipe(
  stream: Writable = process.stdout,
  exit: (code: number) => void = process.exit,
): () => void {
  const listener = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'EPIPE' && stream !== process.stderr)
      process.stderr.write(`the output can't be written: ${error.message}\n`);
    exit(error.code === 'EPIPE' ? 0 : 1);
  };
  stream.on('error', listener);
  return () => void stream.off('error', listener);
}
