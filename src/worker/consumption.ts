import { setTimeout as delay } from 'node:timers/promises';
import type { Channel, Delivery } from '../amqp/channel.ts';
import { explainChannelError } from '../amqp/channel-errors.ts';
import { type BrokerConnection, connectionLost } from '../amqp/connection.ts';
import { consumeRequests, openRequestQueue } from '../amqp/queues.ts';
import { RpcError } from '../protocol/errors.ts';
import { Answerer, type AnswererContext } from './answerer.ts';
import { nextRound } from './max-requests.ts';
import { ReturnedReplies } from './returned-replies.ts';

/** How long what is in hand may take after the queue was deleted, in ms. */
const DELETED_QUEUE_GRACE = 8_000;

/** A worker's consumer for as long as its channel lives: what it is given, an {@link Answerer} answers. */
export class Consumption {
  /** Resolves with the reason when no request can come any more; without one, at the end of a round. */
  readonly ended: Promise<RpcError | undefined>;
  readonly #connection: BrokerConnection;
  readonly #context: AnswererContext;
  #channel: Channel | undefined;
  #answerer: Answerer | undefined;
  #returned: ReturnedReplies | undefined;
  #cancel = (): Promise<unknown> => Promise.resolve();
  #untilCancel = Number.POSITIVE_INFINITY;
  #inFlight = 0;
  #end!: (error?: RpcError) => void;
  readonly #onIdle = new Set<() => void>();

  private constructor(connection: BrokerConnection, context: AnswererContext) {
    this.#connection = connection;
    this.#context = context;
    const { onEvent } = context.settings;
    this.ended = new Promise((resolve) => {
      this.#end = (error) => {
        this.#answerer?.abort();
        resolve(error);
      };
    });
    connection.observer = {
      onLost: (error) => this.#end(connectionLost(error)),
      onBlocked: (reason) => onEvent({ type: 'blocked', reason }),
      onUnblocked: () => {
        onEvent({ type: 'unblocked' });
        this.#answerer?.unblocked();
      },
    };
  }

  /** Finds or declares the queue and consumes it. The connection is closed if that fails. */
  static async start(connection: BrokerConnection, context: AnswererContext): Promise<Consumption> {
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
    const { settings, counters } = this.#context;
    const { queue, prefetch, maxRequests, onEvent } = settings;
    const onClosed = (error: Error | undefined) => this.#end(explainChannelError(error));
    const { channel, how } = await openRequestQueue(this.#connection, queue, onClosed);
    onEvent({ type: 'queue', queue: queue.name, how });
    this.#channel = channel;
    this.#answerer = new Answerer(this.#connection, channel, this.#context);
    this.#returned = new ReturnedReplies(channel, () => this.#connection.blocked);
    channel.on('basic.cancel', async () => {
      // the channel lives: what is in hand can still be answered, and would not be delivered again
      await Promise.race([this.#idle(), delay(DELETED_QUEUE_GRACE, undefined, { ref: false })]);
      this.#end(new RpcError('UNAVAILABLE', `the queue '${queue.name}' was deleted`, { reason: 'NO_QUEUE' }));
    });
    const round = nextRound(prefetch, maxRequests - counters.taken);
    this.#untilCancel = round.deliveries;
    await channel.basicQos({ prefetchCount: round.prefetch });
    const consumerTag = await consumeRequests(channel, queue.name, (message) => this.#deliver(message));
    let cancelled: Promise<unknown> | undefined;
    this.#cancel = () => (cancelled ??= channel.basicCancel(consumerTag).catch(() => {}));
    onEvent({ type: 'consuming', queue: queue.name, prefetch: round.prefetch });
  }

  /** Requests in hand. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Takes no further request, and resolves when those in hand are answered. */
  async drain(): Promise<void> {
    // a blocked broker confirms nothing; else, what was delivered before it confirms is in hand, too
    if (this.#channel?.active) {
      const cancelled = this.#cancel();
      if (!this.#connection.blocked) await cancelled;
    }
    await this.#idle();
  }

  /** Ends it, in order, or at once by force. What is still in hand goes back to the queue. */
  async close({ force = false }: { readonly force?: boolean } = {}): Promise<void> {
    const answered = this.#answerer?.close();
    if (force || this.#connection.blocked) this.#connection.destroy();
    await Promise.all([answered, this.#connection.close()]);
  }

  async #idle(): Promise<void> {
    await new Promise(setImmediate);
    if (this.#inFlight > 0) await new Promise<void>((resolve) => this.#onIdle.add(resolve));
    await this.#returned?.settled();
  }

  #deliver(message: Delivery): void {
    this.#inFlight++;
    this.#context.counters.received(message.redelivered);
    // the cancel goes out before this delivery can be acknowledged: see nextRound
    if (--this.#untilCancel === 0) void this.#cancel().then(() => this.#idle().then(() => this.#end()));
    try {
      const processed = this.#answerer?.process(message);
      if (processed) processed.then(this.#done, this.#failed);
      else this.#done();
    } catch (error) {
      this.#failed(error);
    }
  }

  readonly #done = (): void => {
    if (--this.#inFlight > 0) return;
    for (const resolve of this.#onIdle) resolve();
    this.#onIdle.clear();
  };

  readonly #failed = (error: unknown): void => {
    this.#done();
    this.#end(explainChannelError(error)); // nothing known does this; a new channel gets the request again
  };
}
