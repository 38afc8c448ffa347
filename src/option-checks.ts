/** setTimeout's longest delay, in ms. */
const MAX_TIMEOUT = 2 ** 31 - 1;

/**
 * A queue name that fits into a routing key: 1 to 255 bytes of UTF-8, no line ends. RabbitMQ drops those when it declares
 * or consumes, but not when it routes, so the name would be another one for replies than for requests.
 */
export function checkQueueName(queue: string): string {
  const bytes = Buffer.byteLength(queue);
  if (bytes < 1 || bytes > 255) throw new TypeError(`queue: expected a name of 1 to 255 bytes, got ${bytes} bytes`);
  if (/[\r\n]/.test(queue))
    throw new TypeError(`queue: expected a name without line ends, got ${JSON.stringify(queue)}`);
  return queue;
}

/** A time limit that a timer can hold: above 0 and at most 2,147,483,647 ms (24 days). */
export function checkTimeout(timeout: number): number {
  if (!(timeout > 0 && timeout <= MAX_TIMEOUT)) {
    throw new TypeError(`timeout: expected milliseconds above 0 and up to ${MAX_TIMEOUT}, got ${String(timeout)}`);
  }
  return timeout;
}

/** An integer of at least `min`. */
export function checkInteger(name: string, value: number, min: number, max = Number.MAX_SAFE_INTEGER): number {
  if (!Number.isInteger(value) || value < min || value > max) {
    const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
    throw new TypeError(`${name}: expected an integer ${range}, got ${String(value)}`);
  }
  return value;
}

/** A content type that fits into a message's property: `type/subtype`, parameters or none, at most 255 characters of ASCII. */
export function checkContentType(name: string, value: string): string {
  if (typeof value !== 'string' || !/^(?=.{3,255}$)[\w.+-]+\/[\w.+-]+(?:\s*;[ -~]*)?$/.test(value)) {
    throw new TypeError(`${name}: expected one such as application/json, got ${JSON.stringify(value)}`);
  }
  return value;
}
