// Field tables, as a message's headers and a server's properties are: names and values of several types.
// https://www.rabbitmq.com/amqp-0-9-1-errata#section_3
import { frameError } from './amqp-error.ts';

/** A field table. One that came has no prototype: a name such as `__proto__` or `toString` stands for nothing but a field. */
export type FieldTable = Readonly<Record<string, unknown>>;

/** How deep tables and arrays may lie in each other: far more than anybody means, and far less than the stack takes. */
const MAX_DEPTH = 100;

/**
 * The field table that lies in the octets from `start` on, its size first. Texts are UTF-8; 64-bit integers beyond 2^53 lose
 * digits; a timestamp is the number of its seconds since 1970, a decimal `{ scale, value }`.
 * @throws AmqpError if it has a field of an unknown type, is nested too deep, or does not fit into its size
 */
export function readTable(octets: Buffer, start: number, limit: number): FieldTable {
  return new TableReader(octets, start, limit).table(0);
}

class TableReader {
  readonly #octets: Buffer;
  #at: number;
  #limit: number;

  constructor(octets: Buffer, start: number, limit: number) {
    this.#octets = octets;
    this.#at = start;
    this.#limit = limit;
  }

  table(depth: number): FieldTable {
    const table: Record<string, unknown> = Object.create(null);
    this.#within(depth, () => {
      const start = this.#take(1) + 1;
      const end = start + this.#octets.readUInt8(start - 1);
      this.#take(end - start);
      const name = this.#octets.toString('utf8', start, end);
      table[name] = this.#value(depth);
    });
    return table;
  }

  #array(depth: number): unknown[] {
    const values: unknown[] = [];
    this.#within(depth, () => values.push(this.#value(depth)));
    return values;
  }

  /** Reads elements as long as there are octets of the table or array that begins here. */
  #within(depth: number, element: () => void): void {
    if (depth > MAX_DEPTH) throw frameError('a field table is nested too deep');
    const size = this.#octets.readUInt32BE(this.#take(4));
    const outer = this.#limit;
    this.#limit = this.#take(size) + size;
    this.#at = this.#limit - size;
    while (this.#at < this.#limit) element();
    this.#limit = outer;
  }

  #value(depth: number): unknown {
    const octets = this.#octets;
    const type = String.fromCharCode(octets.readUInt8(this.#take(1)));
    switch (type) {
      case 't':
        return octets.readUInt8(this.#take(1)) === 1;
      case 'b':
        return octets.readInt8(this.#take(1));
      case 'B':
        return octets.readUInt8(this.#take(1));
      case 's':
        return octets.readInt16BE(this.#take(2));
      case 'u':
        return octets.readUInt16BE(this.#take(2));
      case 'I':
        return octets.readInt32BE(this.#take(4));
      case 'i':
        return octets.readUInt32BE(this.#take(4));
      case 'l':
        return Number(octets.readBigInt64BE(this.#take(8)));
      case 'T':
        return Number(octets.readBigUInt64BE(this.#take(8)));
      case 'f':
        return octets.readFloatBE(this.#take(4));
      case 'd':
        return octets.readDoubleBE(this.#take(8));
      case 'D': {
        const at = this.#take(5);
        return { scale: octets.readUInt8(at), value: octets.readInt32BE(at + 1) };
      }
      case 'S': {
        const { start, end } = this.#long();
        return octets.toString('utf8', start, end);
      }
      case 'x': {
        const { start, end } = this.#long();
        return Buffer.from(octets.subarray(start, end)); // a copy: the chunk it lies in is not kept for its sake
      }
      case 'A':
        return this.#array(depth + 1);
      case 'F':
        return this.table(depth + 1);
      case 'V':
        return null;
      default:
        throw frameError(`a field of the unknown type ${JSON.stringify(type)}`);
    }
  }

  #long(): { start: number; end: number } {
    const size = this.#octets.readUInt32BE(this.#take(4));
    const start = this.#take(size);
    return { start, end: start + size };
  }

  /** Passes over the next `size` octets, which must be there, and gives where they begin. */
  #take(size: number): number {
    const at = this.#at;
    if (at + size > this.#limit) throw frameError('a field table does not fit into its size');
    this.#at = at + size;
    return at;
  }
}

/**
 * The octets of a field table, its size first. Strings go as UTF-8, whole numbers and bigints as the smallest integer type that
 * holds them, other numbers as doubles, Uint8Arrays as octets, Dates as timestamps of whole seconds; undefined,
 * functions and symbols are left out.
 * @throws TypeError if a name is longer than 255 octets, RangeError if a bigint is longer than 64 bits
 */
export function encodeTable(table: FieldTable): Buffer {
  const writer = new TableWriter();
  writer.table(table);
  return writer.written();
}

/** Room for most tables; it doubles as needed. */
const FIRST_ROOM = 512;

class TableWriter {
  #octets = Buffer.allocUnsafe(FIRST_ROOM);
  #at = 0;

  written(): Buffer {
    return this.#octets.subarray(0, this.#at);
  }

  table(table: object): void {
    const start = this.#room(4);
    for (const [name, value] of Object.entries(table)) {
      if (!isEncodable(value)) continue;
      const size = Buffer.byteLength(name);
      if (size > 255) throw new TypeError(`a header's name has ${size} octets; AMQP takes at most 255`);
      const at = this.#room(1 + size);
      this.#octets[at] = size;
      this.#octets.write(name, at + 1, 'utf8');
      this.#value(value);
    }
    this.#octets.writeUInt32BE(this.#at - start - 4, start);
  }

  #array(values: readonly unknown[]): void {
    const start = this.#room(4);
    for (const value of values) if (isEncodable(value)) this.#value(value);
    this.#octets.writeUInt32BE(this.#at - start - 4, start);
  }

  #value(value: unknown): void {
    if (typeof value === 'string') {
      const at = this.#long('S', Buffer.byteLength(value));
      this.#octets.write(value, at, 'utf8');
    } else if (typeof value === 'number') {
      this.#number(value);
    } else if (typeof value === 'bigint') {
      const at = this.#field('l', 8);
      this.#octets.writeBigInt64BE(value, at);
    } else if (typeof value === 'boolean') {
      const at = this.#field('t', 1);
      this.#octets[at] = value ? 1 : 0;
    } else if (Array.isArray(value)) {
      this.#field('A', 0);
      this.#array(value);
    } else if (value instanceof Uint8Array) {
      const at = this.#long('x', value.length);
      this.#octets.set(value, at);
    } else if (value instanceof Date) {
      const at = this.#field('T', 8);
      this.#octets.writeBigUInt64BE(BigInt(Math.max(0, Math.floor(value.getTime() / 1_000))), at);
    } else if (typeof value === 'object' && value !== null) {
      this.#field('F', 0);
      this.table(value);
    } else {
      this.#field('V', 0);
    }
  }

  #number(value: number): void {
    if (!Number.isInteger(value) || value >= 2 ** 63 || value < -(2 ** 63)) {
      const at = this.#field('d', 8);
      this.#octets.writeDoubleBE(value, at);
    } else if (value >= -0x80 && value < 0x80) {
      const at = this.#field('b', 1);
      this.#octets.writeInt8(value, at);
    } else if (value >= -0x8000 && value < 0x8000) {
      const at = this.#field('s', 2);
      this.#octets.writeInt16BE(value, at);
    } else if (value >= -0x80000000 && value < 0x80000000) {
      const at = this.#field('I', 4);
      this.#octets.writeInt32BE(value, at);
    } else {
      const at = this.#field('l', 8);
      this.#octets.writeBigInt64BE(BigInt(value), at);
    }
  }

  /** Writes a type; gives where its value of `size` octets goes. */
  #field(type: string, size: number): number {
    const at = this.#room(1 + size);
    this.#octets[at] = type.charCodeAt(0);
    return at + 1;
  }

  /** Writes a type and `size`; gives where that many octets go. */
  #long(type: string, size: number): number {
    const at = this.#field(type, 4 + size);
    return this.#octets.writeUInt32BE(size, at);
  }

  /** Makes room for the next octets, in a new buffer if need be, and gives where they go. */
  #room(size: number): number {
    const at = this.#at;
    this.#at = at + size;
    if (this.#at > this.#octets.length) {
      const more = Buffer.allocUnsafe(Math.max(this.#at, 2 * this.#octets.length));
      this.#octets.copy(more, 0, 0, at);
      this.#octets = more;
    }
    return at;
  }
}

function isEncodable(value: unknown): boolean {
  return value !== undefined && typeof value !== 'function' && typeof value !== 'symbol';
}
