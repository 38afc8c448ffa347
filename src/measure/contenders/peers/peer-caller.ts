import { within } from '../../../protocol/waiting.ts';
import type { Caller } from '../implementation.ts';
import { PendingCalls } from '../pending-calls.ts';

/** How long an orderly close may take, in ms; then it goes on by force, where the peer can, or in the background. */
export const CLOSE_TIMEOUT = 2_000;

/** A peer's client, connected and set up. */
export interface PeerClient {
  /** Calls as the peer does. */
  call(request: string): Promise<Uint8Array>;
  /** Replies that belong to no call; always 0 where the peer does not tell. */
  discarded(): number;
  /** Disconnects as the peer's documentation says. */
  close(): Promise<void>;
}

/** Makes a {@link Caller} of a peer's client: what the peer has not, time limits, signals and an end that sticks. */
export class PeerCaller implements Caller {
  readonly #connect: (onLost: (error: Error) => void) => Promise<PeerClient>;
  readonly #calls = new PendingCalls();
  #issued = 0;
  /** Replies to calls that were given up, which the peer does not know. */
  #late = 0;
  #connecting: Promise<PeerClient> | undefined;
  #client: PeerClient | undefined;

  /** @param connect rejects if the peer can't connect; calls `onLost` if the connection, or its channel, is lost later */
  constructor(connect: (onLost: (error: Error) => void) => Promise<PeerClient>) {
    this.#connect = connect;
  }

  call(request: string, signal?: AbortSignal): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const id = String(++this.#issued);
      this.#calls.add(id, { resolve, reject, signal });
      const fail = (error: unknown) => this.#calls.take(id)?.reject(error);
      const send = (client: PeerClient) => {
        client.call(request).then((reply) => {
          const call = this.#calls.take(id);
          if (call) call.resolve(reply);
          else this.#late++;
        }, fail);
      };
      if (this.#client) send(this.#client);
      else this.#connected().then(send, fail);
    });
  }

  discarded(): number {
    return this.#late + (this.#client?.discarded() ?? 0);
  }

  async close(): Promise<void> {
    this.#calls.end(new Error('the caller was closed'));
    const closed = this.#connecting?.then((client) => client.close());
    if (closed)
      await within(
        CLOSE_TIMEOUT,
        closed.catch(() => {}),
      );
  }

  async #connected(): Promise<PeerClient> {
    this.#connecting ??= this.#connect((error) => this.#calls.end(error));
    this.#client = await this.#connecting;
    return this.#client;
  }
}
