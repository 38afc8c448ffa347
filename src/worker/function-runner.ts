import type { Delivery } from '../amqp/channel.ts';
import { RpcError } from '../protocol/errors.ts';
import { MAX_DELAY } from '../protocol/option-checks.ts';
import { type EncodedReply, encodeResult, type ReplyError, replyErrorOf } from '../protocol/reply.ts';
import type { RequestIds } from '../protocol/request-ids.ts';
import { isThenable } from '../protocol/waiting.ts';
import type { WorkerEvent } from './events.ts';
import { type RequestHandler, RpcRequest } from './handler.ts';
import { LazyContext, type SharedContext } from './request-context.ts';

/** The settings of a {@link FunctionRunner}. */
export interface RunnerSettings {
  readonly handler: RequestHandler;
  /** Of replies whose function names none. */
  readonly contentType: string | undefined;
  readonly functionOptions: Readonly<Record<string, unknown>>;
  readonly maxRequestBytes: number;
  /** How long a run may take, in ms, even if the caller's time limit is longer; undefined: the caller's time limit alone. */
  readonly maxRun?: number | undefined;
  /** The longest reply that can be sent now, in bytes. */
  readonly maxReplyBytes: () => number;
  readonly tell: (event: WorkerEvent) => void;
  /** Told of runs that go on past their deadline, and of their end. Without it each run is waited for, as in a thread, which can be ended. */
  readonly overruns?: { began(request: RequestIds): void; ended(request: RequestIds): void };
}

/** The parts of a message that it needs. */
export type RunnerMessage = Pick<Delivery, 'redelivered' | 'body'> &
  Partial<
    Pick<Delivery, 'headers' | 'contentType' | 'contentEncoding' | 'type' | 'correlationId' | 'messageId' | 'bodySize'>
  >;

/** The outcome of a request: the reply, or the error reply. */
export type Outcome = EncodedReply | ReplyError;

/** The same outcome with a body that stays as it is. */
export function ownOutcome(outcome: Outcome): Outcome {
  if (!('body' in outcome && outcome.borrowed)) return outcome;
  return { ...outcome, body: Buffer.from(outcome.body), borrowed: false };
}

/** A run that goes on. */
export interface Run {
  readonly outcome: Promise<Outcome>;
  /** Tells the function that its caller does not wait any more. The outcome is there when it ends, at its deadline at the latest. */
  readonly cancel: () => void;
}

/** The reason that a function's signal has when its caller has cancelled the request. */
export function cancelledByCaller(): RpcError {
  return new RpcError('CANCELLED', 'the caller does not wait any more', { reason: 'CANCELLED_BY_CALLER' });
}

/** Runs a function on the requests of one channel. */
export class FunctionRunner {
  readonly #settings: RunnerSettings;
  readonly #shared: SharedContext;

  constructor(settings: RunnerSettings) {
    this.#settings = settings;
    const { functionOptions, tell } = settings;
    this.#shared = {
      tell,
      options: functionOptions,
      signalled: new Set(),
      over: undefined,
    };
  }

  /**
   * Runs the function; never rejects. A run that goes on only where the function gives a promise; its outcome is there at the
   * deadline, even if the function goes on.
   * @param expires when the caller stops waiting, as `performance.now()` counts
   */
  run(message: RunnerMessage, expires: number | undefined): Outcome | Run {
    const { maxRun } = this.#settings;
    const deadline = maxRun === undefined ? expires : Math.min(expires ?? Infinity, performance.now() + maxRun);
    const context = new LazyContext(message, deadline, this.#shared);
    try {
      const answer = this.#call(message, context, expires);
      return isThenable(answer) ? this.#settle(answer, context, expires) : this.#reply(answer, context);
    } catch (error) {
      return this.#fail(error, context);
    }
  }

  /** Aborts the signals of the requests in hand: their answers can't go out any more. */
  abort(over = nowhereToGo()): void {
    this.#shared.over = over;
    for (const context of this.#shared.signalled) context.abort(over);
  }

  #call(message: RunnerMessage, context: LazyContext, expires: number | undefined): unknown {
    const { body, bodySize = body.length } = message; // a body that is too long is not there
    const { maxRequestBytes, handler } = this.#settings;
    if (bodySize > maxRequestBytes) {
      const text = `the request has ${bodySize} bytes; the limit is ${maxRequestBytes}`;
      throw new RpcError('INVALID_ARGUMENT', text, { reason: 'TOO_LARGE' });
    }
    if (expires !== undefined && performance.now() > expires) {
      const text = 'the time limit of the request passed before the worker got to it';
      throw new RpcError('DEADLINE_EXCEEDED', text, { reason: 'TIMEOUT' });
    }
    return handler(new RpcRequest(message, maxRequestBytes), context);
  }

  #settle(answer: PromiseLike<unknown>, context: LazyContext, expires: number | undefined): Run {
    const { overruns, maxRun } = this.#settings;
    let state: 'running' | 'settled' | 'overrun' = 'running';
    let clock: NodeJS.Timeout | undefined;
    let resolve = (_: Outcome) => {};
    const outcome = new Promise<Outcome>((settle) => {
      resolve = settle;
    });
    const finish = (outcome: () => Outcome) => {
      clearTimeout(clock);
      if (state === 'overrun') overruns?.ended(context.ids);
      const result = outcome(); // also of an overrun, which may fail with something that is to be told
      if (state === 'running') resolve(ownOutcome(result)); // the function may go on before anybody looks
      state = 'settled';
    };
    const expire = () => {
      const text =
        context.deadline === expires
          ? 'the time limit of the request passed while it was handled'
          : `the request took longer than ${maxRun} ms, the worker's limit`;
      const why = new RpcError('DEADLINE_EXCEEDED', text, { reason: 'TIMEOUT' });
      context.abort(why);
      // a function that heeds its signal is done by then
      setImmediate(() => {
        if (state !== 'running' || !overruns) return;
        state = 'overrun';
        resolve(why);
        overruns.began(context.ids);
      });
    };
    Promise.resolve(answer).then(
      (value) => finish(() => this.#reply(value, context)),
      (error) => finish(() => this.#fail(error, context)),
    );
    const left = context.deadline === undefined ? Number.POSITIVE_INFINITY : context.deadline - performance.now();
    if (left <= MAX_DELAY) clock = setTimeout(expire, left).unref(); // a run that goes on keeps no process
    const cancel = () => {
      if (state === 'running') context.abort(cancelledByCaller());
    };
    return { outcome, cancel };
  }

  #reply(answer: unknown, context: LazyContext): Outcome {
    let reply: EncodedReply;
    try {
      reply = encodeResult(answer, this.#settings.contentType);
    } catch (error) {
      return this.#fail(error, context);
    }
    const maxReplyBytes = this.#settings.maxReplyBytes();
    context.end();
    if (reply.body.length <= maxReplyBytes) return reply;
    const message = `the reply has ${reply.body.length} bytes; at most ${maxReplyBytes} can be sent`;
    return { code: 'RESOURCE_EXHAUSTED', message };
  }

  #fail(error: unknown, context: LazyContext): ReplyError {
    const { abortReason } = context;
    context.end();
    const told = replyErrorOf(error);
    if (told) return told;
    // what waits with the signal throws an AbortError of its own, as node:timers/promises does
    if (abortReason instanceof RpcError && isAbortError(error)) return abortReason;
    this.#settings.tell({ type: 'handler-failed', error, ...context.ids });
    return FAILED;
  }
}

/** What a caller is told of what is none of its business. */
export const FAILED: ReplyError = {
  code: 'INTERNAL',
  message: "the worker failed on this request; the worker's log says why",
};

function nowhereToGo(): RpcError {
  return new RpcError(
    'UNAVAILABLE',
    'the answer can go nowhere: the worker is stopping, or its connection is lost; the broker delivers the request again',
    { reason: 'CONNECTION_LOST' },
  );
}

function isAbortError(error: unknown): boolean {
  try {
    return error instanceof Error && error.name === 'AbortError';
  } catch {
    return false; // a Proxy, say
  }
}
