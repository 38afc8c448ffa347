import type { RpcErrorCode } from '../protocol/errors.ts';
import type { DropReason, WorkerEvent, WorkerStats } from './events.ts';

/** Counts what a worker does, and tells of it. */
export class WorkerCounters {
  readonly #onEvent: (event: WorkerEvent) => void;
  readonly #dropped: Record<DropReason, number> = {
    'missing-reply-to': 0,
    'malformed-reply-to': 0,
    'refused-reply-to': 0,
    'caller-gone': 0,
    'delivered-too-often': 0,
  };
  #received = 0;
  #redelivered = 0;
  #answered = 0;
  #refused = 0;
  #abandoned = 0;

  constructor(onEvent: (event: WorkerEvent) => void) {
    this.#onEvent = onEvent;
  }

  /** Requests delivered so far. */
  get taken(): number {
    return this.#received;
  }

  received(redelivered: boolean): void {
    this.#received++;
    if (redelivered) this.#redelivered++;
  }

  answered(code: RpcErrorCode | 'OK', detail: string, duration: number): void {
    if (code === 'OK') this.#answered++;
    else this.#refused++;
    this.#onEvent({ type: 'answered', code, detail, duration });
  }

  dropped(reason: DropReason, replyTo: string | undefined): void {
    const count = ++this.#dropped[reason];
    const named = reason === 'refused-reply-to' && replyTo !== undefined ? { replyTo } : {};
    this.#onEvent({ type: 'dropped', reason, count, ...named });
  }

  abandoned(): void {
    this.#abandoned++;
    this.#onEvent({ type: 'abandoned' });
  }

  stats(inFlight: number): WorkerStats {
    return {
      received: this.#received,
      redelivered: this.#redelivered,
      answered: this.#answered,
      refused: this.#refused,
      abandoned: this.#abandoned,
      dropped: { ...this.#dropped },
      inFlight,
    };
  }
}
