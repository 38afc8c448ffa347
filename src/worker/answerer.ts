import { setTimeout as delay } from 'node:timers/promises';
import type { Channel, Delivery } from '../amqp/channel.ts';
import { explainChannelError } from '../amqp/channel-errors.ts';
import type { BrokerConnection } from '../amqp/connection.ts';
import { publish } from '../amqp/publish.ts';
import { RpcError } from '../protocol/errors.ts';
import { ERROR_REPLY_CONTENT_TYPE, ERROR_REPLY_TYPE, encodeErrorReply } from '../protocol/reply.ts';
import { type ReplyAddress, ReplyAddresses, type RightReplyAddress } from '../protocol/reply-address.ts';
import { CallerProbe } from './caller-probe.ts';
import type { WorkerCounters } from './counters.ts';
import { deliveredTooOften, earlierDeliveries } from './deliveries.ts';
import { DeliveryAcks } from './delivery-acks.ts';
import type { DropReason } from './events.ts';
import { FunctionRunner } from './function-runner.ts';
import type { RequestHandler } from './handler.ts';
import type { WorkerLessons } from './lessons.ts';
import type { WorkerSettings } from './options.ts';

/** How long to wait before the broker is asked again about a caller, each time, in ms. */
const PROBE_DELAYS = [500, 1_000];

/** What answering takes. */
export interface AnswererContext {
  readonly handler: RequestHandler;
  readonly settings: WorkerSettings;
  readonly counters: WorkerCounters;
  readonly lessons: WorkerLessons;
}

/** A request that came. */
interface HeldRequest {
  readonly message: Delivery;
  readonly reply: ReplyAddress;
  /** As `performance.now()` counts. */
  readonly arrived: number;
}

/**
 * Answers the requests that one channel delivers, on that channel. No reply and no ack ever goes out on another one: if it is
 * lost, the answer is dropped and the broker delivers the request again.
 */
export class Answerer {
  readonly #connection: BrokerConnection;
  readonly #channel: Channel;
  readonly #settings: WorkerSettings;
  readonly #counters: WorkerCounters;
  readonly #lessons: WorkerLessons;
  readonly #runner: FunctionRunner;
  readonly #acks: DeliveryAcks;
  readonly #probe: CallerProbe;
  readonly #replyAddresses: ReplyAddresses;
  readonly #onUnblocked = new Set<() => void>();
  #closed = false;

  constructor(
    connection: BrokerConnection,
    channel: Channel,
    { handler, settings, counters, lessons }: AnswererContext,
  ) {
    const { tls, connectionName, replyAddresses } = settings;
    this.#connection = connection;
    this.#channel = channel;
    this.#settings = settings;
    this.#counters = counters;
    this.#lessons = lessons;
    this.#runner = new FunctionRunner(handler, settings, lessons);
    this.#acks = new DeliveryAcks(channel);
    this.#probe = new CallerProbe(connection.url, { tls, connectionName: `${connectionName} (probe)` });
    this.#replyAddresses = new ReplyAddresses(replyAddresses);
  }

  /**
   * Answers, or drops, what was delivered. A promise only where something is to be waited for: what a quick function answers goes
   * out in the turn of its request.
   */
  process(message: Delivery): Promise<void> | undefined {
    this.#acks.take(message.deliveryTag);
    const delivery = { message, reply: this.#replyAddresses.check(message.replyTo), arrived: performance.now() };
    const waits = this.#connection.blocked || this.#mustProbe(delivery);
    return waits ? this.#admit(delivery) : this.#handle(delivery);
  }

  /** To be called when the broker takes messages again. */
  unblocked(): void {
    for (const resolve of this.#onUnblocked) resolve();
    this.#onUnblocked.clear();
  }

  /** Tells the functions that their answers can go nowhere any more. */
  abort(): void {
    this.unblocked();
    this.#runner.abort();
  }

  /** Acks what was answered; nothing is answered any more. */
  async close(): Promise<void> {
    this.#acks.flush();
    this.#closed = true;
    this.abort();
    await this.#probe.close();
  }

  /** A delivery before this one may have ended with the connection because of this very address. */
  #mustProbe({ message, reply }: HeldRequest): boolean {
    if (!reply.ok) return false;
    return this.#settings.checkCaller || (reply.direct && (message.redelivered || this.#lessons.suspicious));
  }

  async #admit(delivery: HeldRequest): Promise<void> {
    const { message, reply } = delivery;
    while (this.#connection.blocked && this.#isCurrent()) await this.#untilUnblocked();
    if (reply.ok && this.#mustProbe(delivery) && !(await this.#callerIsThere(reply.address)))
      return this.#drop(message, 'caller-gone');
    await this.#handle(delivery);
  }

  #handle(delivery: HeldRequest): Promise<void> | undefined {
    const { message, reply, arrived } = delivery;
    if (!reply.ok) {
      this.#drop(message, reply.fault);
      return undefined;
    }
    if (!this.#isCurrent()) {
      this.#counters.abandoned(); // lost while it waited: nobody can be answered
      return undefined;
    }
    const earlier = earlierDeliveries(message);
    if (earlier >= this.#settings.maxDeliveries)
      return this.#answer(delivery, reply, deliveredTooOften(earlier), 'delivered-too-often');
    const expiration = /^\d{1,15}$/.test(message.expiration ?? '') ? Number(message.expiration) : undefined;
    const result = this.#runner.run(message, expiration === undefined ? undefined : arrived + expiration);
    if (result instanceof Promise) return result.then((later) => this.#answer(delivery, reply, later));
    return this.#answer(delivery, reply, result);
  }

  /** Sends the reply, and acks the delivery, or drops it if that is why it is answered. */
  #answer(
    delivery: HeldRequest,
    reply: RightReplyAddress,
    result: Buffer | RpcError,
    reason?: DropReason,
  ): Promise<void> | undefined {
    const { message, arrived } = delivery;
    if (this.#connection.blocked && this.#isCurrent())
      return this.#untilUnblocked().then(() => this.#answer(delivery, reply, result, reason));
    if (!this.#isCurrent()) {
      this.#counters.abandoned();
      return undefined;
    }
    const failed = result instanceof RpcError;
    const body = failed ? encodeErrorReply(result) : result;
    if (!reason) this.#acks.ack(message.deliveryTag); // goes out when this turn ends, behind the reply
    const properties = {
      exchange: '',
      routingKey: reply.address,
      correlationId: message.correlationId,
      contentType: failed ? ERROR_REPLY_CONTENT_TYPE : this.#settings.contentType,
      type: failed ? ERROR_REPLY_TYPE : undefined,
      durable: false,
      // never for a direct reply: up to RabbitMQ 4.1 it comes back as unroutable although it was delivered
      mandatory: !reply.direct,
    };
    publish(this.#channel, properties, body, () => {});
    if (reason) this.#drop(message, reason);
    else if (failed) this.#counters.answered(result.code, result.message, performance.now() - arrived);
    else this.#counters.answered('OK', '', performance.now() - arrived);
    return undefined;
  }

  #drop(message: Delivery, reason: DropReason): void {
    if (!this.#isCurrent()) {
      this.#counters.abandoned();
      return;
    }
    this.#acks.reject(message.deliveryTag);
    this.#counters.dropped(reason, message.replyTo);
  }

  /** Asks the broker; if it can't be asked, after some tries, the caller counts as being there. */
  async #callerIsThere(address: string): Promise<boolean> {
    for (const wait of [...PROBE_DELAYS, 0]) {
      try {
        return await this.#probe.isThere(address);
      } catch (error) {
        if (!this.#isCurrent()) break;
        this.#settings.onEvent({ type: 'probe-failed', error: explainChannelError(error) });
        await delay(wait, undefined, { ref: false });
      }
    }
    return true;
  }

  #isCurrent(): boolean {
    return this.#channel.active && !this.#closed;
  }

  #untilUnblocked(): Promise<void> {
    return new Promise((resolve) => this.#onUnblocked.add(resolve));
  }
}
