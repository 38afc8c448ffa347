import { setTimeout as delay } from 'node:timers/promises';
import type { Channel, Delivery } from '../amqp/channel.ts';
import { explainChannelError } from '../amqp/channel-errors.ts';
import type { BrokerConnection } from '../amqp/connection.ts';
import { ERROR_REPLY_CONTENT_TYPE, ERROR_REPLY_TYPE, encodeErrorReply } from '../protocol/reply.ts';
import { type ReplyAddress, ReplyAddresses, type RightReplyAddress } from '../protocol/reply-address.ts';
import { requestIds } from '../protocol/request-ids.ts';
import { CallerProbe } from './caller-probe.ts';
import { Cancels, canCancel } from './cancels.ts';
import { deliveredTooOften, earlierDeliveries, rejectedBefore, replyIds } from './deliveries.ts';
import type { Journal, RejectReason } from './events.ts';
import { FAILED, FunctionRunner, type Outcome, ownOutcome, type Run, type RunnerSettings } from './function-runner.ts';
import type { ServeSettings, WorkerSettings } from './options.ts';
import { type OutgoingReply, Settler } from './settler.ts';
import type { RequestTelemetry, WorkerTelemetry } from './telemetry.ts';

/** How long to wait before the broker is asked again about a caller, each time, in ms. */
const PROBE_DELAYS = [500, 1_000, 0];

/** The parts that answering the requests of a queue needs. */
export interface QueueContext {
  readonly worker: WorkerSettings;
  readonly queue: ServeSettings;
  readonly runner: RunnerSettings;
  readonly journal: Journal;
  /** Told of each delivery. */
  readonly onDelivery: (redelivered: boolean) => void;
}

/** A request that came. */
interface HeldRequest {
  readonly message: Delivery;
  readonly reply: ReplyAddress;
  /** As `performance.now()` counts. */
  readonly arrived: number;
  readonly watched: RequestTelemetry | undefined;
}

/**
 * Answers the requests that one channel delivers, on that channel. No reply and no ack ever goes out on another one: if it is
 * lost, the answer is lost with it and the broker delivers the request again.
 */
export class Answerer {
  readonly #connection: BrokerConnection;
  readonly #channel: Channel;
  readonly #queue: ServeSettings;
  readonly #journal: Journal;
  readonly #telemetry: WorkerTelemetry | undefined;
  readonly #runner: FunctionRunner;
  readonly #settler: Settler;
  readonly #probe: CallerProbe;
  readonly #cancels: Cancels;
  readonly #replyAddresses: ReplyAddresses;
  readonly #onUnblocked = new Set<() => void>();
  #closed = false;

  constructor(connection: BrokerConnection, channel: Channel, { worker, queue, runner, journal }: QueueContext) {
    this.#connection = connection;
    this.#channel = channel;
    this.#queue = queue;
    this.#journal = journal;
    this.#runner = new FunctionRunner(runner);
    this.#settler = new Settler(channel);
    const { tls, connectionName, telemetry } = worker;
    this.#telemetry = telemetry;
    this.#probe = new CallerProbe(connection.url, { tls, connectionName: `${connectionName} (probe)` });
    const { name, startedAfter } = queue;
    this.#cancels = new Cancels({ connection, channel, queue: name, startedAfter, journal });
    this.#replyAddresses = new ReplyAddresses(queue.replyAddresses);
  }

  /**
   * Answers, or rejects, what was delivered. A promise only where something is to be waited for: what a quick function answers
   * goes out in the turn of its request.
   */
  process(message: Delivery): Promise<void> | undefined {
    this.#settler.take(message.deliveryTag);
    const request = {
      message,
      reply: this.#replyAddresses.check(message.replyTo),
      arrived: performance.now(),
      watched: this.#telemetry && this.#watch(this.#telemetry, message),
    };
    const waits = this.#connection.blocked || this.#mustProbe(request);
    return waits ? this.#admit(request) : this.#handle(request);
  }

  /** To be called when the broker takes messages again. */
  unblocked(): void {
    for (const resolve of this.#onUnblocked) resolve();
    this.#onUnblocked.clear();
    this.#cancels.tellDue();
  }

  /** Tells the functions that their answers can go nowhere any more. */
  abort(): void {
    this.unblocked();
    this.#runner.abort();
  }

  /** Acks what was answered; nothing is answered any more. */
  async close(): Promise<void> {
    this.#settler.flush();
    this.#closed = true;
    this.#cancels.close();
    this.abort();
    await this.#probe.close();
  }

  #watch(telemetry: WorkerTelemetry, message: Delivery): RequestTelemetry {
    const { headers, correlationId, redelivered } = message;
    return telemetry.request({ queue: this.#queue.name, headers, correlationId, redelivered });
  }

  /**
   * Whether to look up the caller first. That of a redelivered request may have left meanwhile, and this very address may have cost
   * the connection by which the request came before.
   */
  #mustProbe({ message, reply }: HeldRequest): boolean {
    if (!reply.ok) return false;
    return this.#queue.checkCaller || message.redelivered || (reply.direct && this.#journal.suspicious);
  }

  async #admit(request: HeldRequest): Promise<void> {
    const { message, reply } = request;
    while (this.#connection.blocked && this.#isCurrent()) await this.#untilUnblocked();
    if (reply.ok && this.#mustProbe(request) && !(await this.#callerIsThere(message, reply)))
      return this.#reject(request, 'caller-gone');
    await this.#handle(request);
  }

  #handle(request: HeldRequest): Promise<void> | undefined {
    const { message, reply, arrived, watched } = request;
    if (!reply.ok) {
      this.#reject(request, reply.fault);
      return undefined;
    }
    if (!this.#isCurrent()) {
      this.#abandon(request); // lost while it waited: nobody can be answered
      return undefined;
    }
    const earlier = earlierDeliveries(message);
    if (earlier >= this.#queue.maxDeliveries)
      return this.#answer(request, reply, deliveredTooOften(earlier), 'delivered-too-often');
    // 0 says that the request is to be delivered at once or not at all, and no more than that
    const expiration = /^\d{1,15}$/.test(message.expiration ?? '') ? Number(message.expiration) : 0;
    const expires = expiration === 0 ? undefined : arrived + expiration;
    const run = watched ? watched.run(() => this.#runner.run(message, expires)) : this.#runner.run(message, expires);
    return 'outcome' in run ? this.#answerLater(request, reply, run) : this.#answer(request, reply, run);
  }

  async #answerLater(request: HeldRequest, reply: RightReplyAddress, run: Run): Promise<void> {
    if (this.#queue.startedAfter === 0 || !canCancel(request.message))
      return this.#answer(request, reply, await run.outcome);
    const { correlationId = '' } = request.message;
    const cancellable = { correlationId, caller: reply.address, arrived: request.arrived, run, cancelled: false };
    this.#cancels.add(cancellable);
    const outcome = await run.outcome;
    this.#cancels.remove(cancellable);
    if (cancellable.cancelled) this.#cancelled(request);
    else await this.#answer(request, reply, outcome);
  }

  /** Nobody waits for a reply: the ack alone is what the broker is told. */
  #cancelled(request: HeldRequest): void {
    if (!this.#isCurrent()) {
      this.#abandon(request);
      return;
    }
    const { message, arrived, watched } = request;
    this.#settler.ack(message.deliveryTag);
    this.#journal.cancelled(this.#queue.name, message, performance.now() - arrived);
    watched?.unanswered('cancelled');
  }

  /** Sends the reply, and acks the delivery, or rejects it for this reason. */
  #answer(
    request: HeldRequest,
    to: RightReplyAddress,
    outcome: Outcome,
    reason?: RejectReason,
  ): Promise<void> | undefined {
    const { message, arrived, watched } = request;
    if (this.#connection.blocked && this.#isCurrent()) {
      const own = ownOutcome(outcome);
      return this.#untilUnblocked().then(() => this.#answer(request, to, own, reason));
    }
    if (!this.#isCurrent()) {
      this.#abandon(request);
      return undefined;
    }
    const reply = this.#outgoing(message, to, outcome);
    if (reason) {
      this.#settler.reply(reply);
      this.#reject(request, reason);
      return undefined;
    }
    const error = this.#settler.replyThenAck(message.deliveryTag, reply);
    if (error !== undefined) {
      this.#failed(message, error); // headers that can't be encoded, say
      const failed = this.#outgoing(message, to, FAILED);
      // the caller's own id may leave no room for a reply: without an ack the delivery would be in hand for ever
      if (this.#settler.replyThenAck(message.deliveryTag, failed) !== undefined)
        this.#settler.replyThenAck(message.deliveryTag, { ...failed, headers: undefined });
    }
    const [code, detail] =
      error !== undefined
        ? ([FAILED.code, FAILED.message] as const)
        : 'body' in outcome
          ? (['OK', ''] as const)
          : ([outcome.code, outcome.message] as const);
    this.#journal.answered(this.#queue.name, message, code, detail, performance.now() - arrived);
    watched?.answered(code, detail);
    return undefined;
  }

  #outgoing(message: Delivery, to: RightReplyAddress, outcome: Outcome): OutgoingReply {
    const { correlationId, headers: idHeaders } = replyIds(message);
    if ('body' in outcome) {
      const { body, borrowed, contentType } = outcome;
      const headers = outcome.headers && idHeaders ? { ...outcome.headers, ...idHeaders } : outcome.headers;
      return { to, correlationId, body, borrowed, contentType, headers: headers ?? idHeaders };
    }
    const body = encodeErrorReply(outcome, {
      correlationId: requestIds(message).correlationId,
      onDataOmitted: (error) => this.#failed(message, error),
    });
    const contentType = ERROR_REPLY_CONTENT_TYPE;
    return { to, correlationId, body, contentType, type: ERROR_REPLY_TYPE, headers: idHeaders };
  }

  #failed(message: Delivery, error: unknown): void {
    this.#journal.tell({ type: 'handler-failed', queue: this.#queue.name, error, ...requestIds(message) });
  }

  #abandon({ message, watched }: HeldRequest): void {
    this.#journal.abandoned(this.#queue.name, message);
    watched?.unanswered('abandoned');
  }

  #reject(request: HeldRequest, reason: RejectReason): void {
    if (!this.#isCurrent()) {
      this.#abandon(request);
      return;
    }
    const { message, watched } = request;
    const { name, maxDeliveries } = this.#queue;
    const times = rejectedBefore(message, name);
    if (times >= maxDeliveries) {
      this.#settler.ack(message.deliveryTag); // its dead letters come back here: rejected once more, it would do so for ever
      this.#journal.cycle(name, message, reason, times);
    } else {
      this.#settler.reject(message.deliveryTag);
      this.#journal.rejected(name, message, reason);
    }
    watched?.unanswered(reason);
  }

  /** Asks the broker; if it can't be asked, after some tries, the caller counts as being there, and so do all for a while. */
  async #callerIsThere(message: Delivery, { address, direct }: RightReplyAddress): Promise<boolean> {
    for (const wait of PROBE_DELAYS) {
      try {
        if (await this.#probe.isThere(address)) return true;
        if (direct) return false;
        // the node may not have heard of the queue yet: see ReturnedReplies
        await delay(wait, undefined, { ref: false });
        return await this.#probe.isThere(address);
      } catch (error) {
        if (!this.#isCurrent()) return true;
        this.#journal.tell({ type: 'probe-failed', error: explainChannelError(error), ...requestIds(message) });
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
