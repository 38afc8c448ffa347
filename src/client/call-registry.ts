import { CallIds, type DiscardReason } from './call-ids.ts';
import type { ReplyLease } from './designs/reply-route.ts';
import type { PendingCall } from './pending-call.ts';

/** Where a client's calls are: waiting to be sent, or in flight; those that were sent are found by correlation id. */
export class CallRegistry {
  readonly #ids = new CallIds();
  /** Not sent yet, in the order of their coming. */
  readonly #waiting = new Set<PendingCall>();
  /** A lease is being got, or the request is out. */
  readonly #inFlight = new Set<PendingCall>();
  readonly #sent = new Map<string, PendingCall>();

  get waiting(): number {
    return this.#waiting.size;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Lets a call wait, also one that was in flight: it takes its place at the end. */
  wait(call: PendingCall): void {
    this.#inFlight.delete(call);
    this.#waiting.add(call);
  }

  /** Lets a new call not wait at all. */
  start(call: PendingCall): void {
    this.#inFlight.add(call);
  }

  /** Takes the call that has waited longest; it is in flight from now on. */
  take(): PendingCall | undefined {
    for (const call of this.#waiting) {
      this.#waiting.delete(call);
      this.#inFlight.add(call);
      return call;
    }
    return undefined;
  }

  isInFlight(call: PendingCall): boolean {
    return this.#inFlight.has(call);
  }

  /** The calls that wait, at this moment. */
  allWaiting(): PendingCall[] {
    return [...this.#waiting];
  }

  /** The calls in flight, at this moment. */
  allInFlight(): PendingCall[] {
    return [...this.#inFlight];
  }

  /** Gives the call a new correlation id, by which its reply finds it. To be done before the request is published. */
  register(call: PendingCall, lease: ReplyLease): string {
    const id = this.#ids.next();
    call.id = id;
    call.lease = lease;
    this.#sent.set(id, call);
    return id;
  }

  /** The call that a reply with this id is for. */
  find(id: string | undefined): PendingCall | undefined {
    return id === undefined ? undefined : this.#sent.get(id);
  }

  /** What a reply is that no call waits for. */
  classify(id: string | undefined): DiscardReason {
    return this.#ids.classify(id);
  }

  /** Takes a call out; its id is remembered if a reply may still come. */
  remove(call: PendingCall, { replyMayCome }: { readonly replyMayCome: boolean }): void {
    this.#waiting.delete(call);
    this.#inFlight.delete(call);
    const { id, lease } = call;
    call.id = call.lease = undefined;
    if (id !== undefined) {
      this.#sent.delete(id);
      if (replyMayCome) this.#ids.abandon(id);
    }
    lease?.release();
  }
}
