import { describe } from './option-checks.ts';

/**
 * Names that are the broker's: it routes copies by the first two, and writes the others itself, or they carry the ids of
 * AMQP 1.0. Compared in small letters.
 */
const reserved = [
  'cc',
  'bcc',
  'x-death',
  'x-first-death-exchange',
  'x-first-death-queue',
  'x-first-death-reason',
  'x-last-death-exchange',
  'x-last-death-queue',
  'x-last-death-reason',
  'x-delivery-count',
  'x-acquired-count',
  'x-correlation-id',
  'x-message-id',
];

/** How much a message's headers may hold, in bytes, names included: they must fit into one frame. */
const MAX_BYTES = 64 * 1024;

/** How deep tables and lists may be nested. */
const MAX_DEPTH = 16;

/** The largest number that a header can hold as an integer. */
const MAX_INT64 = 2n ** 63n - 1n;

/**
 * A copy of `headers`, fit to be sent: strings, finite numbers, bigints of 64 bits, booleans, null, Dates, bytes, and
 * lists and objects of these. Undefined values are left out.
 * @throws TypeError that names the header
 */
export function checkHeaders(headers: unknown, name = 'headers'): Record<string, unknown> {
  if (!isTable(headers))
    throw new TypeError(`${name}: expected an object such as { tenant: 'a' }, got ${describe(headers)}`);
  for (const key of Object.keys(headers)) {
    if (reserved.includes(key.toLowerCase())) {
      throw new TypeError(
        `${name}: expected names of your own, got ${JSON.stringify(key)}, which is reserved for the broker`,
      );
    }
  }
  const room = { left: MAX_BYTES };
  return copyTable(headers, name, room, MAX_DEPTH);
}

/** How much may still come. */
interface Room {
  left: number;
}

function copyTable(table: object, name: string, room: Room, depth: number): Record<string, unknown> {
  const copy: Record<string, unknown> = Object.create(null);
  for (const [key, value] of Object.entries(table)) {
    if (value === undefined) continue;
    const bytes = Buffer.byteLength(key);
    if (bytes < 1 || bytes > 255)
      throw new TypeError(`${name}: expected names of 1 to 255 bytes, got one of ${bytes} bytes`);
    take(room, bytes + 2, name);
    copy[key] = copyValue(value, `${name}.${key.slice(0, 40)}`, room, depth);
  }
  return copy;
}

function copyValue(value: unknown, name: string, room: Room, depth: number): unknown {
  if (depth === 0) throw new TypeError(`${name}: expected at most ${MAX_DEPTH} levels, got more`);
  take(room, 9, name);
  if (value === null || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value)))
    return value;
  if (typeof value === 'bigint' && value <= MAX_INT64 && value >= -MAX_INT64 - 1n) return value;
  if (value instanceof Date && Number.isFinite(value.getTime())) return value;
  if (typeof value === 'string') {
    take(room, Buffer.byteLength(value), name);
    return value;
  }
  if (value instanceof Uint8Array) {
    take(room, value.length, name);
    return Buffer.from(value);
  }
  // a hole is null as well
  if (Array.isArray(value)) return Array.from(value, (item) => copyValue(item ?? null, name, room, depth - 1));
  if (isTable(value)) return copyTable(value, name, room, depth - 1);
  throw new TypeError(
    `${name}: expected a string, number, bigint of 64 bits, boolean, null, Date, bytes, list or object, got ${describe(value)}`,
  );
}

function take(room: Room, bytes: number, name: string): void {
  room.left -= bytes;
  if (room.left < 0) throw new TypeError(`${name}: expected at most ${MAX_BYTES} bytes of headers, got more`);
}

function isTable(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
