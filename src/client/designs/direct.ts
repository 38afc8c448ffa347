import type { OpenReplyRoute } from './reply-route.ts';
import { openSharedRoute } from './shared-route.ts';

/** The pseudo-queue of Direct Reply-To. */
const DIRECT_REPLY_TO = 'amq.rabbitmq.reply-to';

/**
 * Direct Reply-To: no queue at all. The broker puts the channel's own address in place of the pseudo-queue's name, and
 * hands the worker's reply straight to the channel.
 * @see https://www.rabbitmq.com/docs/direct-reply-to
 */
export const openDirectRoute: OpenReplyRoute = (host) => openSharedRoute(host, async () => DIRECT_REPLY_TO);
