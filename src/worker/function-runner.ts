import type { Delivery } from '../amqp/channel.ts';
import { RpcError } from '../protocol/errors.ts';
import { encodeResult, replyErrorOf } from '../protocol/reply.ts';
import type { FunctionLog, RequestHandler } from './handler.ts';
import { RpcRequest } from './handler.ts';
import type { WorkerLessons } from './lessons.ts';
import type { WorkerSettings } from './options.ts';
import { LazyContext, type SharedContext } from './request-context.ts';

/** What it needs of a worker's settings. */
type RunnerSettings = Pick<WorkerSettings, 'onEvent' | 'functionOptions' | 'maxRequestBytes' | 'contentType'>;

/** What it needs of a message. */
type RunnerMessage = Pick<Delivery, 'redelivered' | 'headers' | 'contentType' | 'body'> &
  Partial<Pick<Delivery, 'contentEncoding' | 'type' | 'bodySize'>>;

/** Runs the function on the requests of one consumption. */
export class FunctionRunner {
  readonly #handler: RequestHandler;
  readonly #settings: RunnerSettings;
  readonly #lessons: WorkerLessons;
  readonly #shared: SharedContext;

  constructor(handler: RequestHandler, settings: RunnerSettings, lessons: WorkerLessons) {
    this.#handler = handler;
    this.#settings = settings;
    this.#lessons = lessons;
    const { onEvent, functionOptions } = settings;
    const log = (level: keyof FunctionLog): FunctionLog['info'] => {
      return (message, fields) => onEvent({ type: 'log', level, text: String(message), ...(fields && { fields }) });
    };
    this.#shared = {
      log: { info: log('info'), warn: log('warn'), error: log('error') },
      options: functionOptions,
      signalled: new Set(),
      over: undefined,
      onDeadline: () => new RpcError('DEADLINE_EXCEEDED', 'the time limit of the request passed while it was handled'),
    };
  }

  /** The reply's octets, or the error that the caller is to get; never rejects. A promise only where the function gives one. */
  run(message: RunnerMessage, deadline: number | undefined): Buffer | RpcError | Promise<Buffer | RpcError> {
    const context = new LazyContext(message, deadline, this.#shared);
    try {
      const answer = this.#call(message, context);
      return isThenable(answer) ? this.#settle(answer, context) : this.#reply(answer, context);
    } catch (error) {
      return this.#fail(error, context);
    }
  }

  /** Aborts the signals of the requests in hand: their answers can't go out any more. */
  abort(): void {
    const over = new RpcError(
      'UNAVAILABLE',
      'the answer can go nowhere: the worker is stopping, or its connection is lost; the broker delivers the request again',
    );
    this.#shared.over = over;
    for (const context of this.#shared.signalled) context.abort(over);
  }

  async #settle(answer: PromiseLike<unknown>, context: LazyContext): Promise<Buffer | RpcError> {
    try {
      return this.#reply(await answer, context);
    } catch (error) {
      return this.#fail(error, context);
    }
  }

  #call(message: RunnerMessage, context: LazyContext): unknown {
    const { body, bodySize = body.length } = message; // a body that is too long is not there
    const { maxRequestBytes } = this.#settings;
    if (bodySize > maxRequestBytes) {
      throw new RpcError('INVALID_ARGUMENT', `the request has ${bodySize} bytes; the limit is ${maxRequestBytes}`);
    }
    if (context.deadline !== undefined && performance.now() > context.deadline) {
      throw new RpcError('DEADLINE_EXCEEDED', 'the time limit of the request passed before the worker got to it');
    }
    return this.#handler(new RpcRequest(message, maxRequestBytes), context);
  }

  #reply(answer: unknown, context: LazyContext): Buffer {
    const reply = encodeResult(answer, this.#settings.contentType).body;
    const { maxReplyBytes } = this.#lessons;
    if (reply.length <= maxReplyBytes) {
      context.end();
      return reply;
    }
    throw new RpcError(
      'RESOURCE_EXHAUSTED',
      `the reply has ${reply.length} bytes; RabbitMQ takes at most ${maxReplyBytes}`,
    );
  }

  #fail(error: unknown, context: LazyContext): RpcError {
    const { abortReason } = context;
    context.end();
    const told = replyErrorOf(error);
    if (told) return new RpcError(told.code, told.message, { data: told.data });
    // what waits with the signal throws an AbortError of its own, as node:timers/promises does
    const aborted = abortReason instanceof RpcError && error instanceof Error && error.name === 'AbortError';
    if (aborted) return abortReason;
    this.#settings.onEvent({ type: 'handler-failed', error });
    return new RpcError('INTERNAL', "the worker failed on this request; the worker's log says why");
  }
}

/** What `await` would wait for. */
function isThenable(value: unknown): value is PromiseLike<unknown> {
  const mayBe = (typeof value === 'object' && value !== null) || typeof value === 'function';
  return mayBe && 'then' in value && typeof value.then === 'function';
}
