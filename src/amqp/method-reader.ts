import { Cmd } from 'rabbitmq-client/lib/codec.js';
import { frameError } from './amqp-error.ts';
import { IncomingAnswer, IncomingDelivery, IncomingReturn, isText, readUInt64 } from './message-reader.ts';

/** The arguments of a method, read one after the other. */
class Arguments {
  readonly #octets: Buffer;
  readonly #end: number;
  #at: number;

  constructor(octets: Buffer, start: number, end: number) {
    this.#octets = octets;
    this.#at = start;
    this.#end = end;
  }

  uint8(): number {
    return this.#octets.readUInt8(this.#take(1));
  }

  uint16(): number {
    return this.#octets.readUInt16BE(this.#take(2));
  }

  uint32(): number {
    return this.#octets.readUInt32BE(this.#take(4));
  }

  uint64(): number {
    return readUInt64(this.#octets, this.#take(8));
  }

  /** A short string, as a name or a text of the broker's: UTF-8. */
  text(known = ''): string {
    const size = this.uint8();
    const at = this.#take(size);
    if (isText(known, this.#octets, at, at + size)) return known;
    return this.#octets.toString('utf8', at, at + size);
  }

  #take(size: number): number {
    const at = this.#at;
    this.#at = at + size;
    if (this.#at > this.#end) throw frameError('a method does not fit into its frame');
    return at;
  }
}

/** The consumer and the routing key of the last delivery: the next one mostly has the same. */
let lastConsumerTag = '';
let lastRoutingKey = '';

/** The message that a method announces, whose arguments lie from `start` to `end`; undefined: it announces none. */
export function readAnnounced(
  method: number,
  octets: Buffer,
  start: number,
  end: number,
): IncomingDelivery | IncomingReturn | IncomingAnswer | undefined {
  if (method === Cmd.BasicDeliver) {
    const args = new Arguments(octets, start, end);
    lastConsumerTag = args.text(lastConsumerTag);
    const deliveryTag = args.uint64();
    const redelivered = args.uint8() === 1;
    const exchange = args.text();
    lastRoutingKey = args.text(lastRoutingKey);
    return new IncomingDelivery(lastConsumerTag, deliveryTag, redelivered, exchange, lastRoutingKey);
  }
  if (method === Cmd.BasicReturn) {
    const args = new Arguments(octets, start, end);
    return new IncomingReturn(args.uint16(), args.text(), args.text(), args.text());
  }
  if (method === Cmd.BasicGetOK) {
    const args = new Arguments(octets, start, end);
    return new IncomingAnswer(args.uint64(), args.uint8() === 1, args.text(), args.text());
  }
  return undefined;
}

/** Why the broker closes a channel or a connection. */
export interface CloseArguments {
  readonly replyCode: number;
  readonly replyText: string;
  /** The method that is to blame; 0: none. */
  readonly methodId: number;
}

/** The arguments of a `channel.close` or `connection.close`. */
export function readClose(octets: Buffer, start: number, end: number): CloseArguments {
  const args = new Arguments(octets, start, end);
  return { replyCode: args.uint16(), replyText: args.text(), methodId: args.uint32() };
}

/** The consumer that a `basic.cancel` names. */
export function readConsumerTag(octets: Buffer, start: number, end: number): string {
  return new Arguments(octets, start, end).text();
}

/** The arguments of any other method that announces no message, by rabbitmq-client's names, as far as anybody looks at them. */
export function readArguments(method: number, octets: Buffer, start: number, end: number): object | undefined {
  const args = new Arguments(octets, start, end);
  switch (method) {
    case Cmd.ConnectionClose:
      return readClose(octets, start, end);
    case Cmd.ConnectionBlocked:
      return { reason: args.text() };
    case Cmd.QueueDeclareOK:
      return { queue: args.text(), messageCount: args.uint32(), consumerCount: args.uint32() };
    case Cmd.QueueDeleteOK:
    case Cmd.QueuePurgeOK:
      return { messageCount: args.uint32() };
    case Cmd.BasicConsumeOK:
    case Cmd.BasicCancelOK:
      return { consumerTag: args.text() };
    default:
      return undefined;
  }
}
