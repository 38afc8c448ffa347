import { openDirectRoute } from './direct.ts';
import { openExclusiveRoute } from './exclusive.ts';
import { openPerRequestRoute } from './per-request.ts';
import type { OpenReplyRoute } from './reply-route.ts';

/** The three ways to get a reply. */
export const replyStrategies = {
  direct: openDirectRoute,
  exclusive: openExclusiveRoute,
  'per-request': openPerRequestRoute,
} satisfies Record<string, OpenReplyRoute>;

/** The name of a reply strategy: `direct`, `exclusive` or `per-request`. */
export type ReplyStrategy = keyof typeof replyStrategies;
