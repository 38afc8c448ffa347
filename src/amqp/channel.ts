// What the layers above see of AMQP: channels, and the messages that come and go on them.
import type { FieldTable } from './field-table.ts';

/**
 * The properties of a published message. Texts of the properties are octets, one character each (latin1), as they are in what was
 * delivered: an id goes back as it came. Names of exchanges and routing keys are text in UTF-8. None is longer than 255 octets.
 */
export interface MessageProperties {
  /** Default: the default exchange, which takes a queue's name for routing key. */
  readonly exchange?: string | undefined;
  readonly routingKey?: string | undefined;
  /** The broker returns the message if no queue takes it. */
  readonly mandatory?: boolean | undefined;
  /** A broker that restarts still has it, if the queue is durable as well: delivery mode 2, else 1. */
  readonly durable?: boolean | undefined;
  readonly contentType?: string | undefined;
  readonly contentEncoding?: string | undefined;
  readonly headers?: FieldTable | undefined;
  /** Instead of `headers`: the octets of their table, as they came. */
  readonly headerTable?: Buffer | undefined;
  readonly priority?: number | undefined;
  readonly correlationId?: string | undefined;
  readonly replyTo?: string | undefined;
  /** Milliseconds, in decimal digits. */
  readonly expiration?: string | undefined;
  readonly messageId?: string | undefined;
  /** Seconds since 1970. */
  readonly timestamp?: number | undefined;
  readonly type?: string | undefined;
  /** The broker refuses any but that of the connection's user. */
  readonly userId?: string | undefined;
  readonly appId?: string | undefined;
  /** The body's octets stay as they are until they are sent: a long body is not copied then. */
  readonly bodyStays?: boolean | undefined;
}

/** A message that came: its properties, one character an octet where they are text, and the body. */
export interface ReceivedMessage {
  readonly exchange: string;
  readonly routingKey: string;
  readonly contentType: string | undefined;
  readonly contentEncoding: string | undefined;
  /** Null: there are some, and they can't be read. */
  readonly headers: FieldTable | null | undefined;
  /** 2: durable. */
  readonly deliveryMode: number | undefined;
  readonly priority: number | undefined;
  readonly correlationId: string | undefined;
  readonly replyTo: string | undefined;
  readonly expiration: string | undefined;
  readonly messageId: string | undefined;
  readonly timestamp: number | undefined;
  readonly type: string | undefined;
  readonly userId: string | undefined;
  readonly appId: string | undefined;
  /** The body as it came; empty if it was longer than the connection's `maxBodyBytes`. */
  readonly body: Buffer;
  /** Its length as it was announced, in bytes. */
  readonly bodySize: number;
}

/** A message that was delivered to a consumer. */
export interface Delivery extends ReceivedMessage {
  readonly consumerTag: string;
  /** Counts the deliveries of a channel: 1, 2, 3 … */
  readonly deliveryTag: number;
  readonly redelivered: boolean;
}

/** A message that the broker gave back. */
export interface ReturnedMessage extends ReceivedMessage {
  /** 312: no queue takes it. */
  readonly replyCode: number;
  readonly replyText: string;
  /** The octets of its headers: read and written anew, long integers and dates would be others. */
  readonly headerTable: Buffer | undefined;
}

/** A queue to be declared. */
export interface QueueDeclaration {
  /** Empty or left out: the broker makes one up. */
  readonly queue?: string;
  /** Only asks whether there is one. */
  readonly passive?: boolean;
  readonly durable?: boolean;
  readonly exclusive?: boolean;
  readonly autoDelete?: boolean;
  readonly arguments?: FieldTable;
}

/** A consumer of a queue. */
export interface ConsumerOptions {
  readonly queue: string;
  /** Unique in its channel. Default: one is made up. */
  readonly consumerTag?: string;
  readonly noAck?: boolean;
  readonly exclusive?: boolean;
  /** The broker does not answer; if it refuses, it closes the channel. */
  readonly nowait?: boolean;
  readonly arguments?: FieldTable;
}

/**
 * An AMQP channel. Methods that the broker answers go out one at a time, in the order in which they are called: each waits
 * for the answer to the one before, and what needs no answer overtakes it (publish, acks, a consumer with `nowait`). Those that
 * return a promise reject with the broker's error where there is one, and the channel is closed then.
 */
export interface Channel {
  /** False once it is closed, or about to be. */
  readonly active: boolean;

  queueDeclare(queue: QueueDeclaration): Promise<{ queue: string; messageCount: number; consumerCount: number }>;
  queueDelete(queue: string | { readonly queue: string }): Promise<unknown>;
  queuePurge(queue: { readonly queue: string }): Promise<unknown>;
  queueBind(binding: {
    readonly queue: string;
    readonly exchange: string;
    readonly routingKey?: string;
  }): Promise<unknown>;
  exchangeDeclare(exchange: { readonly exchange: string; readonly type: string }): Promise<unknown>;

  /** Limits the messages that are delivered and not acked, to `prefetchCount`. */
  basicQos(limit: { readonly prefetchCount: number }): Promise<unknown>;
  /** Consumes a queue: `onMessage` gets what is delivered. */
  basicConsume(consumer: ConsumerOptions, onMessage: (message: Delivery) => void): Promise<{ consumerTag: string }>;
  /** Ends a consumer. Resolves when all that was delivered before has been handed over. */
  basicCancel(consumer: string | { readonly consumerTag: string }): Promise<unknown>;
  /** Takes one message out of a queue. */
  basicGet(queue: { readonly queue: string }): Promise<unknown>;

  /** Acks a delivery; with `multiple` all until this one. */
  basicAck(delivery: { readonly deliveryTag: number; readonly multiple?: boolean }): void;
  basicNack(delivery: { readonly deliveryTag: number; readonly requeue: boolean }): void;

  /**
   * Publishes a message. It goes out when this turn of the event loop ends, in one write with all else that is said in it.
   * The body is copied, unless it is long and `bodyStays`.
   * @throws Error if it can't be encoded, or the channel is closed; nothing of it is sent then
   */
  publish(message: MessageProperties, body: Uint8Array): void;
  /** Publishes as {@link Channel.publish} does, and gives a promise. */
  basicPublish(message: MessageProperties, body: Uint8Array): Promise<void>;
  /** Calls back once, right before what was said in this turn is written; what the callback says goes out in the same write. */
  beforeWrite(callback: () => void): void;

  /** Closes it; resolves when it is closed, by itself or with its connection. Calling it again resolves at once. */
  close(): Promise<void>;

  on(event: 'basic.return', listener: (message: ReturnedMessage) => void): this;
  /** The broker ended a consumer: its queue was deleted, as a rule. */
  on(event: 'basic.cancel', listener: (consumerTag: string) => void): this;
  /** The broker closed the channel, and no method is to blame that waits for its answer. */
  on(event: 'error', listener: (error: Error) => void): this;
  /** Called once, when the channel has ended for any reason. */
  on(event: 'close', listener: () => void): this;
  once(event: 'close', listener: () => void): this;
}
