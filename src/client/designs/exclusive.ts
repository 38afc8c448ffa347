import type { OpenReplyRoute } from './reply-route.ts';
import { openSharedRoute } from './shared-route.ts';

/**
 * The tutorial's design: one callback queue per client, named by the broker, exclusive to the connection. It is also
 * auto-delete, so that it ends with its consumer even where the connection lives on.
 * @see https://www.rabbitmq.com/tutorials/tutorial-six-javascript
 */
export const openExclusiveRoute: OpenReplyRoute = (host) =>
  openSharedRoute(host, async (channel) => {
    const { queue } = await channel.queueDeclare({ queue: '', exclusive: true, autoDelete: true });
    return queue;
  });
