import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { inspect } from 'node:util';
import { describeThrown } from './text.ts';

/** setTimeout's longest delay, in ms (24 days); it takes a longer one for 1 ms. */
export const MAX_DELAY = 2 ** 31 - 1;

/** The request queue of the tutorial, which client and worker take unless they are given another one. */
export const DEFAULT_QUEUE = 'rpc_queue';

/** The default URL of the broker. */
export const DEFAULT_URL = 'amqp://guest:guest@localhost:5672';

/** A wrong value, for the message of a TypeError: short, and on one line. */
export function describe(value: unknown): string {
  const shown = inspect(value, { depth: 0, breakLength: Number.POSITIVE_INFINITY, maxStringLength: 80 });
  const line = shown.replace(/\s*\n\s*/g, ' ');
  return line.length > 120 ? `${line.slice(0, 120)}…` : line;
}

/** The last one that was right, as most are: to compare is quicker than to check. */
let rightQueue = 'rpc_queue';

/**
 * A queue name that fits into a routing key: 1 to 255 bytes of UTF-8, no line ends. RabbitMQ leaves those out when it declares
 * or consumes, but not when it routes, so the name would be another one for replies than for requests.
 */
export function checkQueueName(queue: unknown, name = 'queue'): string {
  if (queue === rightQueue) return rightQueue;
  if (typeof queue !== 'string') throw new TypeError(`${name}: expected a name, got ${describe(queue)}`);
  const bytes = Buffer.byteLength(queue);
  if (bytes < 1 || bytes > 255) throw new TypeError(`${name}: expected a name of 1 to 255 bytes, got ${bytes} bytes`);
  if (/[\r\n]/.test(queue))
    throw new TypeError(`${name}: expected a name without line ends, got ${JSON.stringify(queue)}`);
  rightQueue = queue;
  return queue;
}

/** A time limit that a timer can hold: above 0 and at most {@link MAX_DELAY} ms. */
export function checkTimeout(timeout: unknown, name = 'timeout'): number {
  return checkDuration(name, timeout, Number.MIN_VALUE);
}

/** A duration in ms that a timer can hold: at least `min`, by default 0, and at most {@link MAX_DELAY}. */
export function checkDuration(name: string, value: unknown, min = 0): number {
  if (!(typeof value === 'number' && value >= min && value <= MAX_DELAY)) {
    const from = min === 0 ? 'from 0' : min === Number.MIN_VALUE ? 'above 0' : `from ${min}`;
    throw new TypeError(`${name}: expected milliseconds ${from} and up to ${MAX_DELAY}, got ${describe(value)}`);
  }
  return value;
}

/** An integer of at least `min`. */
export function checkInteger(name: string, value: unknown, min: number, max = Number.MAX_SAFE_INTEGER): number {
  if (!(typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max)) {
    const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
    throw new TypeError(`${name}: expected an integer ${range}, got ${describe(value)}`);
  }
  return value;
}

/** True or false. */
export function checkBoolean(name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw new TypeError(`${name}: expected true or false, got ${describe(value)}`);
  return value;
}

/** A string of 1 to 255 bytes, what fits into a short string of AMQP. */
export function checkShortText(name: string, value: unknown): string {
  if (typeof value !== 'string' || value === '' || Buffer.byteLength(value) > 255)
    throw new TypeError(`${name}: expected a string of 1 to 255 bytes, got ${describe(value)}`);
  return value;
}

/** A function. */
export function checkFunction<T>(name: string, value: T): T {
  if (typeof value !== 'function') throw new TypeError(`${name}: expected a function, got ${describe(value)}`);
  return value;
}

/** One of several strings. */
export function checkOneOf<const T extends string>(name: string, value: unknown, known: readonly T[]): T {
  const found = known.find((one) => one === value);
  if (found === undefined) throw new TypeError(`${name}: expected one of ${known.join(', ')}, got ${describe(value)}`);
  return found;
}

/** An object that is no array. */
export function checkObject<T>(name: string, value: T): T {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TypeError(`${name}: expected an object, got ${describe(value)}`);
  return value;
}

/**
 * TLS options as `tls.connect` takes them, tried out: a certificate or key that can't be read would else fail each connection,
 * for as long as somebody tries. Who gives them takes it that he has TLS, so one URL at least must be for it.
 */
export function checkTls(
  tls: TlsOptions | undefined,
  urls: readonly { readonly tls: boolean }[],
): TlsOptions | undefined {
  if (tls === undefined) return undefined;
  checkObject('tls', tls);
  try {
    process.getBuiltinModule('node:tls').createSecureContext(tls); // it takes milliseconds to load, and few need it
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TypeError(`tls: expected certificates and keys that can be read, such as PEM: ${why}`, { cause });
  }
  if (urls.some((url) => url.tls)) return tls;
  throw new TypeError(
    'tls: expected an amqps:// URL beside it, got amqp:// alone, which is not encrypted: write amqps://, or leave tls out',
  );
}

/** What watches calls or requests, by the function that is told of each. */
export function checkTelemetry<T extends object>(telemetry: T | undefined, method: keyof T): T | undefined {
  if (telemetry === undefined || typeof Object(telemetry)[method] === 'function') return telemetry;
  throw new TypeError(`telemetry: expected openTelemetry() of fib-worker/opentelemetry, got ${describe(telemetry)}`);
}

/** A list of strings. */
export function checkTexts(name: string, value: unknown): readonly string[] {
  if (!Array.isArray(value) || !value.every((one) => typeof one === 'string'))
    throw new TypeError(`${name}: expected a list of strings, got ${describe(value)}`);
  return value;
}

/** An options object, whose keys are among `known`. */
export function checkOptions<T extends object>(name: string, value: T, known: readonly string[]): T {
  if (value instanceof URL) throw new TypeError(`${name}: expected no URL object: pass its href, a string`);
  const unknown = Object.keys(checkObject(name, value)).find((key) => !known.includes(key));
  if (unknown !== undefined)
    throw new TypeError(`${name}: expected options among ${known.join(', ')}, got '${unknown.slice(0, 80)}'`);
  return value;
}

/** The one option of `close()`: how long it waits for what is under way, in ms. */
export function checkGrace(options: { readonly grace?: number | undefined }, otherwise: number): number {
  const { grace = otherwise } = checkOptions('options', options, ['grace']);
  return checkDuration('grace', grace);
}

/** A value as JSON. */
export function checkJson(name: string, value: unknown, expected = 'a JSON value'): string {
  const wrong = `${name}: expected ${expected}, got `;
  let json: string | undefined;
  try {
    json = JSON.stringify(value);
  } catch (cause) {
    // a bigint, a cycle, or what a toJSON() threw
    const [why] = describeThrown(cause).split('\n');
    throw new TypeError(`${wrong}${describe(value)}: ${why}`, { cause });
  }
  if (json === undefined) throw new TypeError(wrong + describe(value));
  return json;
}

/** The last one that was right, as most are: to compare is quicker than to check. */
let rightContentType = 'text/plain';

/** A content type that fits into a message's property: `type/subtype`, parameters or none, at most 255 characters of ASCII. */
export function checkContentType(name: string, value: unknown): string {
  if (value === rightContentType) return rightContentType;
  if (typeof value !== 'string' || !/^(?=.{3,255}$)[\w.+-]+\/[\w.+-]+(?:\s*;[ -~]*)?$/.test(value)) {
    throw new TypeError(`${name}: expected one such as application/json, got ${describe(value)}`);
  }
  rightContentType = value;
  return value;
}
