import { setTimeout as delay } from 'node:timers/promises';
import type { AsyncMessage, Channel } from 'rabbitmq-client';
import { CallerProbe } from './caller-probe.ts';
import { explainChannelError } from './channel-errors.ts';
import { type BrokerConnection, connectionLost } from './connection.ts';
import { deliveredTooOften, earlierDeliveries } from './deliveries.ts';
import { DeliveryAcks } from './delivery-acks.ts';
import { ERROR_REPLY_CONTENT_TYPE, ERROR_REPLY_TYPE, encodeErrorReply } from './error-reply.ts';
import { RpcError } from './errors.ts';
import { FunctionRunner } from './function-runner.ts';
import type { RequestHandler } from './handler.ts';
import { nextRound } from './max-requests.ts';
import { checkReplyAddress } from './reply-address.ts';
import { ensureRequestQueue } from './request-queue.ts';
import { ReturnedReplies } from './returned-replies.ts';
import type { WorkerCounters } from './worker-counters.ts';
import type { DropReason } from './worker-events.ts';
import type { WorkerLessons } from './worker-lessons.ts';
import type { WorkerSettings } from './worker-options.ts';

/** How long to wait before the broker is asked again about a caller, each time, in ms. */
const PROBE_DELAYS = [500, 1_000];

/** How long what is in hand may take after the queue was deleted, in ms. */
const DELETED_QUEUE_GRACE = 8_000;

/** What a consumption works with. */
export interface ConsumptionContext {
  readonly handler: RequestHandler;
  readonly settings: WorkerSettings;
  readonly counters: WorkerCounters;
  readonly lessons: WorkerLessons;
}

/**
 * A worker's consumer for as long as its channel lives. No reply and no ack ever goes out on another channel than the
 * one that delivered the request: if that is lost, the answer is dropped and the broker delivers the request again.
 */
export class Consumption {
  /** Resolves with the reason when no request can come any more; without one, at the end of a round. */
  readonly ended: Promise<RpcError | undefined>;
  readonly #connection: BrokerConnection;
  readonly #runner: FunctionRunner;
  readonly #settings: WorkerSettings;
  readonly #counters: WorkerCounters;
  readonly #lessons: WorkerLessons;
  readonly #probe: CallerProbe;
  #channel: Channel | undefined;
  #acks: DeliveryAcks | undefined;
  #returned: ReturnedReplies | undefined;
  #cancel = (): Promise<unknown> => Promise.resolve();
  #untilCancel = Number.POSITIVE_INFINITY;
  #inFlight = 0;
  #end!: (error?: RpcError) => void;
  readonly #onIdle = new Set<() => void>();
  readonly #onUnblocked = new Set<() => void>();

  private constructor(connection: BrokerConnection, { handler, settings, counters, lessons }: ConsumptionContext) {
    this.#connection = connection;
    this.#runner = new FunctionRunner(handler, settings, lessons);
    this.#settings = settings;
    this.#counters = counters;
    this.#lessons = lessons;
    const { tls, connectionName, onEvent } = settings;
    this.#probe = new CallerProbe(connection.url, { tls, connectionName: `${connectionName} (probe)` });
    this.ended = new Promise((resolve) => {
      this.#end = (error) => {
        this.#release();
        this.#runner.abort();
        resolve(error);
      };
    });
    connection.observer = {
      onLost: (error) => this.#end(connectionLost(error)),
      onBlocked: (reason) => onEvent({ type: 'blocked', reason }),
      onUnblocked: () => {
        onEvent({ type: 'unblocked' });
        this.#release();
      },
    };
  }

  /** Finds or declares the queue and consumes it. The connection is closed if that fails. */
  static async start(connection: BrokerConnection, context: ConsumptionContext): Promise<Consumption> {
    const consumption = new Consumption(connection, context);
    try {
      await consumption.#start();
      return consumption;
    } catch (error) {
      await connection.close();
      throw explainChannelError(error);
    }
  }

  async #start(): Promise<void> {
    const { queue, prefetch, maxRequests, onEvent } = this.#settings;
    const how = await ensureRequestQueue(this.#connection, queue);
    onEvent({ type: 'queue', queue: queue.name, how });
    const channel = await this.#connection.openChannel((error) => this.#end(explainChannelError(error)));
    this.#channel = channel;
    this.#acks = new DeliveryAcks(channel);
    this.#returned = new ReturnedReplies(channel, () => this.#connection.blocked);
    channel.on('basic.cancel', async () => {
      // the channel lives: what is in hand can still be answered, and would not be delivered again
      await Promise.race([this.#idle(), delay(DELETED_QUEUE_GRACE, undefined, { ref: false })]);
      this.#end(new RpcError('UNAVAILABLE', `the queue '${queue.name}' was deleted`, { reason: 'NO_QUEUE' }));
    });
    const round = nextRound(prefetch, maxRequests - this.#counters.taken);
    this.#untilCancel = round.deliveries;
    await channel.basicQos({ prefetchCount: round.prefetch });
    const consumer = await channel.basicConsume({ queue: queue.name }, (message) => this.#deliver(channel, message));
    let cancelled: Promise<unknown> | undefined;
    this.#cancel = () => (cancelled ??= channel.basicCancel(consumer.consumerTag).catch(() => {}));
    onEvent({ type: 'consuming', queue: queue.name, prefetch: round.prefetch });
  }

  /** Requests in hand. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Takes no further request, and resolves when those in hand are answered. */
  async drain(): Promise<void> {
    const channel = this.#channel;
    // a blocked broker confirms nothing; else, what was delivered before it confirms is in hand, too
    if (channel?.active) {
      const cancelled = this.#cancel();
      if (!this.#connection.blocked) await cancelled;
    }
    await this.#idle();
  }

  /** Ends it, in order, or at once by force. What is still in hand goes back to the queue. */
  async close({ force = false }: { readonly force?: boolean } = {}): Promise<void> {
    this.#acks?.flush();
    this.#channel = undefined;
    this.#release();
    this.#runner.abort();
    if (force || this.#connection.blocked) this.#connection.destroy();
    await Promise.all([this.#probe.close(), this.#connection.close()]);
  }

  async #idle(): Promise<void> {
    await new Promise(setImmediate);
    if (this.#inFlight > 0) await new Promise<void>((resolve) => this.#onIdle.add(resolve));
    await this.#returned?.settled();
  }

  #deliver(channel: Channel, message: AsyncMessage): void {
    this.#inFlight++;
    this.#acks?.take(message.deliveryTag);
    this.#counters.received(message.redelivered);
    // the cancel goes out before this delivery can be acknowledged: see nextRound
    if (--this.#untilCancel === 0) void this.#cancel().then(() => this.#idle().then(() => this.#end()));
    const done = () => {
      if (--this.#inFlight > 0) return;
      for (const resolve of this.#onIdle) resolve();
      this.#onIdle.clear();
    };
    this.#process(channel, message).then(done, (error) => {
      done();
      this.#end(explainChannelError(error)); // nothing known does this; a new channel gets the request again
    });
  }

  async #process(channel: Channel, message: AsyncMessage): Promise<void> {
    const arrived = performance.now();
    const expiration = /^\d{1,15}$/.test(message.expiration ?? '') ? Number(message.expiration) : undefined;
    const deadline = expiration === undefined ? undefined : arrived + expiration;
    while (this.#connection.blocked && this.#isCurrent(channel)) await this.#unblocked();
    const reply = checkReplyAddress(message.replyTo, this.#settings.replyAddresses);
    if (!reply.ok) return this.#drop(channel, message, reply.fault);
    // a delivery before this one may have ended with the connection because of this very address
    const suspicious = reply.direct && (message.redelivered || this.#lessons.suspicious);
    const probe = suspicious || this.#settings.checkCaller;
    if (probe && !(await this.#callerIsThere(channel, reply.address)))
      return this.#drop(channel, message, 'caller-gone');
    if (!this.#isCurrent(channel)) return this.#counters.abandoned(); // lost while it waited: nobody can be answered
    const earlier = earlierDeliveries(message);
    const tooOften = earlier >= this.#settings.maxDeliveries;
    const result = tooOften ? deliveredTooOften(earlier) : await this.#runner.run(message, deadline);
    while (this.#connection.blocked && this.#isCurrent(channel)) await this.#unblocked();
    if (!this.#isCurrent(channel)) return this.#counters.abandoned();
    const failed = result instanceof RpcError;
    const envelope = {
      exchange: '',
      routingKey: reply.address,
      correlationId: message.correlationId,
      contentType: failed ? ERROR_REPLY_CONTENT_TYPE : this.#settings.contentType,
      type: failed ? ERROR_REPLY_TYPE : undefined,
      durable: false,
      timestamp: undefined, // rabbitmq-client adds one otherwise
      // never for a direct reply: up to RabbitMQ 4.1 it comes back as unroutable although it was delivered
      mandatory: !reply.direct,
    };
    if (!tooOften) this.#acks?.ack(message.deliveryTag); // goes out when this turn ends, behind the reply
    channel.basicPublish(envelope, result instanceof RpcError ? encodeErrorReply(result) : result).catch(() => {});
    if (tooOften) return this.#drop(channel, message, 'delivered-too-often');
    const [code, detail] = result instanceof RpcError ? [result.code, result.message] : (['OK', ''] as const);
    this.#counters.answered(code, detail, performance.now() - arrived);
  }

  #drop(channel: Channel, message: AsyncMessage, reason: DropReason): void {
    if (!this.#isCurrent(channel)) {
      this.#counters.abandoned();
      return;
    }
    this.#acks?.reject(message.deliveryTag);
    this.#counters.dropped(reason, message.replyTo);
  }

  /** Asks the broker; if it can't be asked, after some tries, the caller counts as being there. */
  async #callerIsThere(channel: Channel, address: string): Promise<boolean> {
    for (const wait of [...PROBE_DELAYS, 0]) {
      try {
        return await this.#probe.isThere(address);
      } catch (error) {
        if (!this.#isCurrent(channel)) break;
        this.#settings.onEvent({ type: 'probe-failed', error: explainChannelError(error) });
        await delay(wait, undefined, { ref: false });
      }
    }
    return true;
  }

  #isCurrent(channel: Channel): boolean {
    return channel.active && this.#channel === channel;
  }

  #unblocked(): Promise<void> {
    return new Promise((resolve) => this.#onUnblocked.add(resolve));
  }

  #release(): void {
    for (const resolve of this.#onUnblocked) resolve();
    this.#onUnblocked.clear();
  }
}
