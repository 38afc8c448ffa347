import type { Channel, Delivery, ReturnedMessage } from '../../amqp/channel.ts';
import type { Call } from '../call.ts';
import { openPerRequest } from './per-request.ts';
import { openDirect, openExclusive } from './shared.ts';

/** The three ways to get a reply. */
export const replyDesigns = {
  direct: openDirect,
  exclusive: openExclusive,
  'per-request': openPerRequest,
} satisfies Record<ReplyDesign, OpenDesign>;

/** The name of a reply design. */
export type ReplyDesign = 'direct' | 'exclusive' | 'per-request';

/** A design at work on a connection, for as long as that lives. */
export interface Design {
  /** Sends a call's request by {@link DesignHost.publish}: at once, or when its reply queue is there. */
  send(call: Call): void;
  /** Resolves when what settled calls left to be tidied up is done. */
  idle(): Promise<void>;
}

/** The client, as a design sees it. */
export interface DesignHost {
  /** Opens a channel on the client's connection. `onClosed` is called once when it ends. */
  openChannel(onClosed: (error: Error | undefined) => void): Promise<Channel>;
  /** Publishes the call's request on a channel, with the address that its reply comes to. */
  publish(call: Call, channel: Channel, replyTo: string): void;
  /** A reply, or something else for a caller, arrived on a channel. */
  onReply(message: Delivery, channel: Channel): void;
  /** The broker returned a request: there is no such queue. */
  onReturn(message: ReturnedMessage): void;
  /** Called when a call, it alone, can't be sent or answered any more. */
  onCallLost(call: Call, error: unknown): void;
  /** No reply can come by this design any more. */
  onLost(error: unknown): void;
  /** The number of channels that a connection may have, as far as the broker has said so: outlives the connection. */
  readonly channels: { max: number };
}

/** Sets a design up on a fresh connection. */
export type OpenDesign = (host: DesignHost) => Promise<Design>;
