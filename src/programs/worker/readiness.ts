import type { WorkerEvent } from '../../worker/worker.ts';

/** The states of a worker. Only `consuming` is ready. */
export const workerStates = [
  'starting',
  'connected',
  'consuming',
  'stuck',
  'blocked',
  'disconnected',
  'draining',
] as const;

/** The state of a worker. */
export type WorkerState = (typeof workerStates)[number];

const reasons: Readonly<Record<Exclude<WorkerState, 'consuming'>, string>> = {
  starting: 'not connected to RabbitMQ yet',
  connected: 'connected to RabbitMQ, not consuming yet',
  stuck: 'too many runs of the function go on past their time limit',
  blocked: 'RabbitMQ blocks publishers, so no reply can go out',
  disconnected: 'disconnected from RabbitMQ',
  draining: 'draining, about to exit',
};

/** Follows a worker's events, and tells whether requests can come in and replies go out. */
export class Readiness {
  readonly #queues: number;
  /** The queues that are consumed, and those with too many runs past their time limit. */
  readonly #consuming = new Set<string>();
  readonly #stuck = new Set<string>();
  #state: WorkerState = 'starting';
  #cause = '';
  #blocked = false;

  /** @param queues how many the worker serves: it is ready when it consumes all of them */
  constructor(queues: number) {
    this.#queues = queues;
  }

  get state(): WorkerState {
    if (this.#state !== 'consuming') return this.#state;
    return this.#blocked ? 'blocked' : this.#stuck.size > 0 ? 'stuck' : 'consuming';
  }

  get ready(): boolean {
    return this.state === 'consuming';
  }

  /** `ready`, or `not ready` and why, in a line that shows no address and no user: anybody may ask. */
  describe(): string {
    const { state } = this;
    if (state === 'consuming') return 'ready';
    const cause = state === 'disconnected' && this.#cause ? ` (${this.#cause}, see its log)` : '';
    return `not ready: ${reasons[state]}${cause}`;
  }

  /** Takes the worker's events. */
  readonly onEvent = (event: WorkerEvent): void => {
    if (event.type === 'blocked') this.#blocked = true;
    else if (event.type === 'unblocked') this.#blocked = false;
    else if (event.type === 'consuming') {
      this.#consuming.add(event.queue);
      if (this.#consuming.size === this.#queues) this.#become('consuming');
    } else if (event.type === 'connected') {
      this.#blocked = false;
      this.#become('connected');
    } else if (event.type === 'disconnected' || event.type === 'retrying') {
      this.#cause = event.error.reason ?? event.error.code;
      if (event.queue === undefined) this.#consuming.clear();
      else this.#consuming.delete(event.queue);
      this.#become('disconnected');
    } else if (event.type === 'overrun' || event.type === 'overrun-ended') {
      if (event.running >= event.limit) this.#stuck.add(event.queue);
      else this.#stuck.delete(event.queue);
    }
  };

  /** The worker consumes no more requests, for good. */
  drain(): void {
    this.#state = 'draining';
  }

  #become(state: WorkerState): void {
    if (this.#state !== 'draining') this.#state = state;
  }
}
