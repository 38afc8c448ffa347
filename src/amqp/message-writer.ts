import { Cmd } from 'rabbitmq-client/lib/codec.js';
import type { MessageProperties } from './channel.ts';
import { FRAME_END, FRAME_HEADER, frameType } from './frame-reader.ts';
import { encodeHeaders } from './known-table.ts';
import { property } from './message-reader.ts';
import type { Outbox } from './outbox.ts';

/** The octets of a frame besides its payload. */
const FRAME_OVERHEAD = FRAME_HEADER + 1;

/** No broker may ask for smaller frames: AMQP 0-9-1, 4.2.3. */
const LEAST_FRAME_MAX = 4_096;

/** Room for a `basic.publish` and a content header besides its table: short strings have 256 octets at most, and there are eleven. */
const LONGEST_PROPERTIES = 3_072;

/** A part of a body up to this size is copied in any case, to go out in one piece with what surrounds it. */
const COPIED_BODY = 8_192;

const NO_TABLE = Buffer.alloc(0);

/**
 * Says a message: `basic.publish`, the content header, and the body in as many frames as it takes.
 * @param frameMax as negotiated
 * @throws Error if it can't be encoded; nothing of it is said then
 */
export function writeMessage(
  outbox: Outbox,
  channel: number,
  message: MessageProperties,
  body: Uint8Array,
  frameMax: number,
): void {
  const room = Math.max(frameMax, LEAST_FRAME_MAX) - FRAME_OVERHEAD;
  const headers = message.headerTable ?? (message.headers ? encodeHeaders(message.headers) : NO_TABLE);
  if (headers.length + LONGEST_PROPERTIES > room) checkHeaders(headers.length, room);
  const inOnePiece = body.length <= COPIED_BODY && body.length <= room;
  outbox.reserve(LONGEST_PROPERTIES + headers.length + (inOnePiece ? FRAME_OVERHEAD + body.length : FRAME_OVERHEAD));
  const { octets } = outbox;
  let end = writePublish(octets, outbox.end, channel, message);
  end = writeHeader(octets, end, channel, message, headers, body.length);
  if (inOnePiece) {
    if (body.length > 0) {
      octets.set(body, end + FRAME_HEADER);
      end = enclose(octets, frameType.body, channel, end + FRAME_HEADER, end + FRAME_HEADER + body.length);
    }
    outbox.said(end);
    return;
  }
  outbox.said(end);
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  for (let from = 0; from < body.length; from += room)
    writeBody(outbox, channel, bytes.subarray(from, from + room), message.bodyStays === true);
}

function checkHeaders(size: number, room: number): void {
  // all else takes a part of the frame as well; RabbitMQ is not that exact, and closes the connection for what is too long
  if (size + LONGEST_PROPERTIES > room)
    throw new RangeError(`the headers have ${size} octets; RabbitMQ takes about ${room - LONGEST_PROPERTIES}`);
}

function writePublish(out: Buffer, at: number, channel: number, message: MessageProperties): number {
  const start = at + FRAME_HEADER;
  let end = out.writeUInt32BE(Cmd.BasicPublish, start);
  end = out.writeUInt16BE(0, end);
  end = writeName(out, end, message.exchange);
  end = writeName(out, end, message.routingKey);
  out[end] = message.mandatory ? 1 : 0;
  return enclose(out, frameType.method, channel, start, end + 1);
}

function writeHeader(
  out: Buffer,
  at: number,
  channel: number,
  message: MessageProperties,
  headers: Buffer,
  bodySize: number,
): number {
  const start = at + FRAME_HEADER;
  let end = out.writeUInt32BE(0x003c0000, start); // class basic, weight 0
  end = writeUInt64(out, bodySize, end) + 2;
  let bits: number = property.deliveryMode;
  if (message.contentType !== undefined) {
    bits |= property.contentType;
    end = writeOctets(out, end, message.contentType);
  }
  if (message.contentEncoding !== undefined) {
    bits |= property.contentEncoding;
    end = writeOctets(out, end, message.contentEncoding);
  }
  if (headers.length > 0) {
    bits |= property.headers;
    end += headers.copy(out, end);
  }
  out[end++] = message.durable ? 2 : 1;
  if (message.priority !== undefined) {
    bits |= property.priority;
    end = out.writeUInt8(message.priority, end);
  }
  if (message.correlationId !== undefined) {
    bits |= property.correlationId;
    end = writeOctets(out, end, message.correlationId);
  }
  if (message.replyTo !== undefined) {
    bits |= property.replyTo;
    end = writeOctets(out, end, message.replyTo);
  }
  if (message.expiration !== undefined) {
    bits |= property.expiration;
    end = writeOctets(out, end, message.expiration);
  }
  if (message.messageId !== undefined) {
    bits |= property.messageId;
    end = writeOctets(out, end, message.messageId);
  }
  if (message.timestamp !== undefined) {
    bits |= property.timestamp;
    end = writeUInt64(out, message.timestamp, end);
  }
  if (message.type !== undefined) {
    bits |= property.type;
    end = writeOctets(out, end, message.type);
  }
  if (message.userId !== undefined) {
    bits |= property.userId;
    end = writeOctets(out, end, message.userId);
  }
  if (message.appId !== undefined) {
    bits |= property.appId;
    end = writeOctets(out, end, message.appId);
  }
  out.writeUInt16BE(bits, start + 12);
  return enclose(out, frameType.header, channel, start, end);
}

/** Says a body frame. */
function writeBody(outbox: Outbox, channel: number, body: Buffer, stays: boolean): void {
  outbox.reserve(FRAME_HEADER);
  const { octets, end } = outbox;
  octets[end] = frameType.body;
  octets.writeUInt16BE(channel, end + 1);
  octets.writeUInt32BE(body.length, end + 3);
  outbox.said(end + FRAME_HEADER);
  if (stays && body.length > COPIED_BODY) outbox.append(body);
  else outbox.copy(body);
  outbox.reserve(1);
  outbox.octets[outbox.end] = FRAME_END;
  outbox.said(outbox.end + 1);
}

/** Says a method that settles a delivery: `basic.ack` or `basic.nack`, whose last octet are `bits`. */
export function writeSettlement(
  outbox: Outbox,
  channel: number,
  method: number,
  deliveryTag: number,
  bits: number,
): void {
  outbox.reserve(FRAME_OVERHEAD + 13);
  const out = outbox.octets;
  const start = outbox.end + FRAME_HEADER;
  const end = writeUInt64(out, deliveryTag, out.writeUInt32BE(method, start));
  out[end] = bits;
  outbox.said(enclose(out, frameType.method, channel, start, end + 1));
}

/** Exact up to 2^53. */
function writeUInt64(out: Buffer, value: number, at: number): number {
  return out.writeUInt32BE(value % 0x100000000, out.writeUInt32BE(Math.floor(value / 0x100000000), at));
}

/** A name, in UTF-8; short ASCII takes longer to hand to C++ than to write. */
function writeName(out: Buffer, at: number, name = ''): number {
  const { length } = name;
  for (let index = 0; index < length; index++) {
    const code = name.charCodeAt(index);
    if (code > 127 || index > 254) return writeLongName(out, at, name);
    out[at + 1 + index] = code;
  }
  out[at] = length;
  return at + 1 + length;
}

function writeLongName(out: Buffer, at: number, name: string): number {
  const size = Buffer.byteLength(name);
  if (size > 255) throw new RangeError(`a name has ${size} octets; AMQP takes at most 255`);
  out[at] = size;
  return at + 1 + out.write(name, at + 1, 'utf8');
}

/** Octets, one character each. */
function writeOctets(out: Buffer, at: number, text: string): number {
  const { length } = text;
  if (length > 255) throw new RangeError(`a property has ${length} octets; AMQP takes at most 255`);
  out[at] = length;
  for (let index = 0; index < length; index++) out[at + 1 + index] = text.charCodeAt(index);
  return at + 1 + length;
}

/** Writes what stands before and behind a frame's payload; gives where the frame ends. */
function enclose(out: Buffer, type: number, channel: number, start: number, end: number): number {
  const at = start - FRAME_HEADER;
  out[at] = type;
  out.writeUInt16BE(channel, at + 1);
  out.writeUInt32BE(end - start, at + 3);
  out[end] = FRAME_END;
  return end + 1;
}
