import type { Channel } from '../amqp/channel.ts';
import { ListItem } from './list.ts';
import type { RpcReply } from './reply.ts';
import type { CallTelemetry } from './telemetry.ts';

/** The settings of a call, checked and complete. */
export interface CallSettings {
  readonly queue: string;
  readonly body: Buffer;
  readonly contentType: string;
  /** Time limit in ms. */
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
  readonly headers: Readonly<Record<string, unknown>> | undefined;
  readonly priority: number | undefined;
  readonly watched: CallTelemetry | undefined;
}

/** The worker that handles a call: the address at which it can be cancelled, and the channel that it was told on. */
export interface StartedBy {
  readonly address: string;
  readonly channel: Channel;
}

/** One call from `call()` to settled: its request, its clock, and where it has got to. It is in no list once it has settled. */
export class Call extends ListItem<Call> {
  readonly request: CallSettings;
  readonly resolve: (reply: RpcReply) => void;
  readonly reject: (error: unknown) => void;
  /** When its time is up, by `performance.now()`. */
  readonly deadline: number;
  timer: NodeJS.Timeout | undefined;
  /** Its number and the correlation id that its request went out with; undefined before it is sent. */
  number = 0;
  id: string | undefined;
  /** Counts how often it went out, or came back: who prepares something for it sees whether it is still wanted. */
  turn = 0;
  /** Set once a worker has said that it handles it. */
  startedBy: StartedBy | undefined;
  /** Gives back what its design keeps for it. */
  release: (() => void) | undefined;

  /** `resolve` and `reject` settle its promise. */
  constructor(request: CallSettings, resolve: (reply: RpcReply) => void, reject: (error: unknown) => void) {
    super();
    this.request = request;
    this.resolve = resolve;
    this.reject = reject;
    this.deadline = performance.now() + request.timeout;
  }

  /** Whole milliseconds that are left. */
  get timeLeft(): number {
    return Math.floor(this.deadline - performance.now());
  }
}
