import type { Channel, MessageProperties } from './channel.ts';

/** The properties that this project's messages have. */
export type Message = Pick<
  MessageProperties,
  | 'exchange'
  | 'routingKey'
  | 'mandatory'
  | 'durable'
  | 'contentType'
  | 'correlationId'
  | 'replyTo'
  | 'expiration'
  | 'type'
>;

/** From patches/rabbitmq-client: publishes something small with the rest of this turn of the event loop, or does nothing and says false. */
interface PatchedChannel {
  publishSmall(message: Message, body: Buffer): boolean;
}

/** Publishes a message. `onError` is told if it can't go out, because the channel is closed or becomes so meanwhile. */
export function publish(channel: Channel, message: Message, body: Buffer, onError: (error: unknown) => void): void {
  try {
    if ((channel as Channel & PatchedChannel).publishSmall(message, body)) return;
  } catch (error) {
    onError(error); // it can't be encoded, and nothing of it was sent
    return;
  }
  // rabbitmq-client adds a timestamp unless it is told not to
  channel.basicPublish({ ...message, timestamp: undefined }, body).catch(onError);
}
