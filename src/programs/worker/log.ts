import type { Log, LogFormat } from '../../cli/log.ts';
import { toJson } from '../../cli/log.ts';
import { shorten } from '../../cli/redact.ts';
import { saysText } from '../../protocol/body.ts';
import type { RpcError } from '../../protocol/errors.ts';
import type { ThreadEvent } from '../../worker/threads/messages.ts';
import type { RequestContext, RpcRequest, WorkerEvent, WorkerStats } from '../../worker/worker.ts';

/** How much of a request's body is shown, and of what a function logs, in characters. */
const SHOWN_CHARACTERS = 40;
const LOGGED_CHARACTERS = 2_000;

/**
 * Lines a second of what senders of requests can make a worker log, see `limitLog`: enough to see what is going on, and
 * 10 lines are no more than 300 MB a day.
 */
export const logLimits = {
  request: 100,
  log: 100,
  refused: 10,
  rejected: 10,
  'dead-letter-cycle': 10,
  overrun: 10,
  'overrun-ended': 10,
  'thread-message-ignored': 10,
  'handler-failed': 10,
  'thread-ended': 10,
  abandoned: 10,
  'probe-failed': 10,
  cancelled: 100,
  'stray-cancel': 10,
} as const satisfies Partial<Record<WorkerEvent['type'] | ThreadEvent['type'] | 'request' | 'refused', number>>;

/** Tells a worker's events in its log. Requests are told one by one only if `requests` is set. */
export function logWorkerEvents(
  log: Log,
  { requests, format }: { readonly requests: boolean; readonly format: LogFormat },
): (event: WorkerEvent | ThreadEvent) => void {
  return (event) => {
    if (event.type === 'answered' && (event.code === 'OK' || !requests)) return;
    const { type, ...fields } = event;
    switch (event.type) {
      case 'connected':
        return log.info(type, fields, ` [x] Connected to ${event.url}`, 'Connected');
      case 'queue':
        return log.info(type, fields);
      case 'consuming':
        return log.info(type, fields, ' [x] Awaiting RPC requests');
      case 'disconnected': {
        const { queue, error, delay } = event;
        const again = `${queue ? 'consuming' : 'connecting'} again in ${seconds(delay)}`;
        return log.warn(type, { queue, ...kindOf(error), delay }, ` [!] ${error.message}; ${again}`);
      }
      case 'probe-failed': {
        const { error, ...ids } = event;
        return log.warn(type, { ...ids, ...kindOf(error) }, ` [!] A caller could not be looked up: ${error.message}`);
      }
      case 'retrying': {
        const { queue, error, attempt, delay } = event;
        const next = `next attempt in ${seconds(delay)}`;
        return log.warn(type, { queue, ...kindOf(error), attempt, delay }, ` [!] ${error.message}; ${next}`);
      }
      case 'blocked':
        return log.warn(
          type,
          fields,
          ` [!] RabbitMQ blocks publishers (${event.reason}): no new work until it unblocks`,
          'RabbitMQ blocks publishers: no new work until it unblocks',
        );
      case 'unblocked':
        return log.info(type, fields, ' [x] RabbitMQ takes replies again');
      case 'answered': {
        const { code, detail } = event;
        return log.warn('refused', { ...fields, detail: undefined }, ` [!] ${code}: ${detail}`, detail);
      }
      case 'handler-failed':
        return log.error(type, fields, ` [!] The function failed: ${inWords(event.error)}`, 'The function failed');
      case 'overrun':
      case 'overrun-ended': {
        const { running, limit } = event;
        const now = `${running} ${running === 1 ? 'run goes' : 'runs go'} on past their time limit`;
        if (running >= limit)
          return log.error(
            type,
            fields,
            ` [!] Stuck: ${now}; the worker is not ready`,
            'Stuck: the worker is not ready',
          );
        return log.warn(type, fields, ` [!] ${now}`, 'Runs go on past their time limit');
      }
      case 'thread-message-ignored':
        return log.warn(
          type,
          fields,
          ` [!] A thread said ${event.what}; it is ignored`,
          'What a thread said is ignored',
        );
      case 'thread-ended': {
        const { why, error, delay } = event;
        const cause = error === undefined ? '' : `: ${inWords(error)}`;
        const next = delay > 0 ? `; the next one starts in ${seconds(delay)}` : '';
        return log.warn(type, fields, ` [!] A thread ended (${why})${cause}${next}`, 'A thread ended');
      }
      case 'log':
        return logFunctionLine(log, event, format);
      case 'rejected': {
        const { reason, replyTo } = event;
        const hint = ' (--allow-reply-to lets more through)';
        const named = replyTo === undefined ? '' : `: '${replyTo}'${hint}`;
        const message = `Request rejected${replyTo === undefined ? '' : hint}`;
        return log.warn(type, fields, ` [!] Request rejected: ${reason}${named}`, message);
      }
      case 'dead-letter-cycle':
        return log.warn(
          type,
          fields,
          ` [!] Request acked instead of rejected: ${event.reason}, and rejected ${event.times} times already; the queue's dead letters come back to it`,
          "Request acked instead of rejected: the queue's dead letters come back to it",
        );
      case 'cancelled':
        return requests ? log.info(type, fields, ' [.] Cancelled by its caller') : undefined;
      case 'stray-cancel':
        return log.info(type, fields, ' [.] A cancel came for no request in hand');
      case 'abandoned':
        return log.warn(
          type,
          fields,
          ' [!] An answer came too late: its channel is gone, the broker delivers the request again',
        );
    }
  };
}

/** Tells of one request. Of its body the start is shown, if it says that it is text. */
export function logRequest(
  log: Log,
  name: string,
  { body, contentType }: RpcRequest,
  { correlationId, messageId, traceparent }: RequestContext,
): void {
  const shown = saysText(contentType)
    ? shorten(body.subarray(0, 4 * (SHOWN_CHARACTERS + 1)).toString(), SHOWN_CHARACTERS)
    : `${body.length} bytes of ${contentType}`;
  const ids = { correlationId: correlationId ?? messageId, traceparent };
  log.info('request', { function: name, request: shown, ...ids }, ` [.] ${name}(${shown})`, 'Request');
}

/** The totals, in a line for people. */
export function describeStats({ answered, refused, cancelled, abandoned, rejected }: WorkerStats): string {
  const reasons = Object.entries(rejected).filter(([, count]) => count > 0);
  return [
    `${answered} answered`,
    `${refused} refused`,
    ...(cancelled > 0 ? [`${cancelled} cancelled`] : []),
    ...reasons.map(([reason, count]) => `${count} rejected (${reason})`),
    ...(abandoned > 0 ? [`${abandoned} abandoned`] : []),
  ].join(', ');
}

function kindOf({ code, reason }: RpcError) {
  return { code, reason };
}

/** Writes a line that the function logs; its fields are kept apart, and long texts cut: they may be what anybody sent. */
function logFunctionLine(log: Log, event: Extract<WorkerEvent, { type: 'log' }>, format: LogFormat) {
  const { level, text, fields, correlationId, traceparent } = event;
  const ids = { correlationId, traceparent };
  const line = ` [${level === 'info' ? '.' : '!'}] ${shorten(text, LOGGED_CHARACTERS)}`;
  if (fields === undefined) return log[level]('log', ids, line);
  const json = toJson({}, fields, {});
  const short = shorten(json, LOGGED_CHARACTERS);
  log[level]('log', { fields: short === json ? fields : short, ...ids }, format === 'text' ? `${line} ${short}` : line);
}

/** Anything can be thrown, also what has no text. */
function inWords(error: unknown): string {
  try {
    return shorten(String(error), LOGGED_CHARACTERS);
  } catch {
    return `it threw ${typeof error}`;
  }
}

/** An error and where it came from, in one line. */
export function stackInWords(error: unknown): string {
  const stack = error instanceof Error && typeof error.stack === 'string' ? error.stack : inWords(error);
  return shorten(stack.replace(/\n\s*/g, '; '), LOGGED_CHARACTERS);
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
