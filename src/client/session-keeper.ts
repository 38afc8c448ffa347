import { setTimeout as delay } from 'node:timers/promises';
import { Dialler } from '../amqp/dial.ts';
import { RpcError } from '../protocol/errors.ts';
import { type Backoff, backoffDelay } from '../protocol/waiting.ts';
import type { ClientSettings } from './options.ts';
import { ClientSession, type SessionObserver } from './session.ts';

/** How long reconnecting waits between attempts while calls that may be retried wait, in ms. */
const RECONNECT: Backoff = { first: 100, max: 2_000 };

/** A session that lived less, in ms, says nothing good of the next: from the second in a row on there is a delay. */
const SHORT_LIFE = 1_000;

/** What a keeper tells its client, besides what the session does. */
export interface KeeperObserver extends SessionObserver {
  /** {@link SessionKeeper.current} is there. */
  onOpen(): void;
  /** No session could be opened. */
  onOpenFailed(error: unknown): void;
  /** Opening was given up, and may be asked for again. */
  onOpenCancelled(): void;
}

/** Keeps a client's session: opens one when it is asked to, and forgets it when it is lost. */
export class SessionKeeper {
  readonly #settings: ClientSettings;
  readonly #dialler: Dialler;
  readonly #observer: KeeperObserver;
  #current: ClientSession | undefined;
  #opening: { readonly done: Promise<void>; readonly cancel: AbortController } | undefined;
  #wasConnected = false;
  #openedAt = 0;
  #shortLives = 0;

  constructor(settings: ClientSettings, observer: KeeperObserver) {
    this.#settings = settings;
    const { urls, tls, connectionName } = settings;
    this.#dialler = new Dialler(urls, { tls, connectionName });
    this.#observer = {
      ...observer,
      onLost: (session, error) => {
        if (this.#current === session) this.#current = undefined;
        this.#shortLives = performance.now() - this.#openedAt < SHORT_LIFE ? this.#shortLives + 1 : 0;
        observer.onLost(session, error);
      },
    };
  }

  /** The session, while there is one. */
  get current(): ClientSession | undefined {
    return this.#current;
  }

  /** Starts to open a session, unless that is under way. */
  open(): void {
    if (this.#opening) return;
    const cancel = new AbortController();
    const done = this.#open(cancel.signal).then(
      (session) => {
        this.#opening = undefined;
        this.#current = session;
        this.#observer.onOpen();
      },
      (error) => {
        this.#opening = undefined;
        if (cancel.signal.aborted) this.#observer.onOpenCancelled();
        else this.#observer.onOpenFailed(error);
      },
    );
    this.#opening = { done, cancel };
  }

  /** Gives up opening a session: nobody waits for it any more. */
  cancel(): void {
    this.#opening?.cancel.abort();
  }

  /** Closes the session. */
  async close(): Promise<void> {
    this.cancel();
    await this.#opening?.done;
    const session = this.#current;
    this.#current = undefined;
    await session?.close();
    await this.#dialler.close();
  }

  async #open(signal: AbortSignal): Promise<ClientSession> {
    if (this.#shortLives > 1) await delay(backoffDelay(this.#shortLives - 1, RECONNECT), undefined, { signal });
    for (let attempt = 1; ; attempt++) {
      try {
        const session = await ClientSession.open(this.#settings, this.#dialler, this.#observer, signal);
        this.#wasConnected = true;
        this.#openedAt = performance.now();
        return session;
      } catch (error) {
        // a broker that was there may come back: calls that may be retried wait for it
        const retry = this.#settings.retry && this.#wasConnected && isLoss(error) && !signal.aborted;
        if (!retry) throw error;
        await delay(backoffDelay(attempt, RECONNECT), undefined, { signal });
      }
    }
  }
}

function isLoss(error: unknown): boolean {
  return error instanceof RpcError && (error.reason === 'NO_BROKER' || error.reason === 'CONNECTION_LOST');
}
