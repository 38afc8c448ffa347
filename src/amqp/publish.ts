import type { Channel, MessageProperties } from './channel.ts';

/** Publishes a message, see {@link Channel.publish}. `onError` is told, at once, if it can't go out. */
export function publish(
  channel: Channel,
  message: MessageProperties,
  body: Uint8Array,
  onError: (error: unknown) => void,
): void {
  try {
    channel.publish(message, body);
  } catch (error) {
    onError(error);
  }
}
