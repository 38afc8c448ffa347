import type { Channel, Delivery, ReturnedMessage } from '../../amqp/channel.ts';

/** The way for one call: the channel to publish the request on, and the address that its reply comes to. */
export interface ReplyLease {
  readonly channel: Channel;
  /** The request's `reply_to`. */
  readonly replyTo: string;
  /** Gives the lease back, once, when the call has settled. */
  release(): void;
}

/**
 * Makes the way for one call, for which the broker has to be asked. `onLost` is called if this lease alone is lost; a loss
 * of the whole route is told to the {@link ReplyHost}. `isWanted` is asked before the broker is: a call that settled
 * meanwhile needs nothing any more, and the promise rejects.
 */
export type MakeLease = (onLost: (error: unknown) => void, isWanted: () => boolean) => Promise<ReplyLease>;

/** What a strategy gives the client for as long as its connection lives. */
export interface ReplyRoute {
  /** The way for every call, or what makes one for each. */
  readonly lease: ReplyLease | MakeLease;
  /** Resolves when whatever released leases left to tidy up is done. */
  idle(): Promise<void>;
}

/** What the client offers a strategy. */
export interface ReplyHost {
  /** Opens a channel on the client's connection. `onClosed` is called once when it ends. */
  openChannel(onClosed: (error: Error | undefined) => void): Promise<Channel>;
  /** A reply arrived. */
  onReply(message: Delivery): void;
  /** The broker returned a request: there is no such queue. */
  onReturn(message: ReturnedMessage): void;
  /** No reply can come by this route any more. */
  onLost(error: unknown): void;
}

/** Opens a strategy's route on a fresh connection. */
export type OpenReplyRoute = (host: ReplyHost) => Promise<ReplyRoute>;
