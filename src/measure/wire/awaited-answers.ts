import type { Frame } from './frames.ts';

/** The place where a method says that it wants no answer: after how many octets and short strings, and which bit. */
interface NoWait {
  readonly octets: number;
  readonly strings: number;
  readonly bit: number;
}

/**
 * The methods of a client that the broker answers, as `class.method`, and where they can do without. Each answer's number
 * is the method's and one more. basic.get, which has two, no caller uses.
 * @see https://www.rabbitmq.com/amqp-0-9-1-reference
 */
const answered: Readonly<Record<string, NoWait | undefined>> = {
  '10.40': undefined, // connection.open
  '10.50': undefined, // connection.close
  '20.10': undefined, // channel.open
  '20.20': undefined, // channel.flow
  '20.40': undefined, // channel.close
  '40.10': { octets: 2, strings: 2, bit: 0x10 }, // exchange.declare
  '40.20': { octets: 2, strings: 1, bit: 0x02 }, // exchange.delete
  '50.10': { octets: 2, strings: 1, bit: 0x10 }, // queue.declare
  '50.20': { octets: 2, strings: 3, bit: 0x01 }, // queue.bind
  '50.30': { octets: 2, strings: 1, bit: 0x01 }, // queue.purge
  '50.40': { octets: 2, strings: 1, bit: 0x04 }, // queue.delete
  '60.10': undefined, // basic.qos
  '60.20': { octets: 2, strings: 2, bit: 0x08 }, // basic.consume
  '60.30': { octets: 0, strings: 1, bit: 0x01 }, // basic.cancel
  '85.10': { octets: 0, strings: 0, bit: 0x01 }, // confirm.select
};

/** Whether the broker will answer this frame of a client. */
export function isAnswered({ kind, payload }: Frame): boolean {
  if (kind !== 'method') return false;
  const name = methodName(payload, 0);
  if (!Object.hasOwn(answered, name)) return false;
  const noWait = answered[name];
  if (!noWait) return true;
  let at = 4 + noWait.octets;
  for (let skipped = 0; skipped < noWait.strings; skipped++) at += 1 + (payload[at] ?? 0);
  return ((payload[at] ?? 0) & noWait.bit) === 0;
}

/** Whether this frame of a broker answers a method of the client. */
export function isAnswer({ kind, payload }: Frame): boolean {
  return kind === 'method' && Object.hasOwn(answered, methodName(payload, 1));
}

/** The `class.method` of a payload, or of what it is the answer to. */
function methodName(payload: Buffer, less: 0 | 1): string {
  return `${payload.readUInt16BE(0)}.${payload.readUInt16BE(2) - less}`;
}
