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
  #state: WorkerState = 'starting';
  #cause = '';
  #stuck = false;
  #blocked = false;

  get state(): WorkerState {
    if (this.#state !== 'consuming') return this.#state;
    return this.#blocked ? 'blocked' : this.#stuck ? 'stuck' : 'consuming';
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
    else if (event.type === 'consuming') this.#become('consuming');
    else if (event.type === 'connected') {
      this.#blocked = false;
      this.#become('connected');
    } else if (event.type === 'disconnected' || event.type === 'retrying') {
      this.#cause = event.error.reason ?? event.error.code;
      this.#become('disconnected');
    } else if (event.type === 'overrun' || event.type === 'overrun-ended') this.#stuck = event.running >= event.limit;
  };

  /** The worker consumes no more requests, for good. */
  drain(): void {
    this.#state = 'draining';
  }

  #become(state: WorkerState): void {
    if (this.#state !== 'draining') this.#state = state;
  }
}
