/** The ids by which a request is found again, in logs and traces. Its caller wrote them. */
export interface RequestIds {
  /** Its `correlation_id`, or else its `message_id`: at most 255 characters, one an octet; undefined where it has neither. */
  readonly correlationId?: string | undefined;
  /** Its header `traceparent`; undefined where that is missing, or not in the form that W3C's Trace Context gives it. */
  readonly traceparent?: string | undefined;
}

/** The parts of a message that its ids are in. */
interface IdentifiedMessage {
  readonly correlationId?: string | undefined;
  readonly messageId?: string | undefined;
  readonly headers?: Readonly<Record<string, unknown>> | null | undefined;
}

/** The ids of a request. */
export function requestIds(message: IdentifiedMessage): RequestIds {
  const { correlationId = message.messageId, headers } = message;
  return { correlationId, traceparent: traceparentOf(headers) };
}

/** @see https://www.w3.org/TR/trace-context/#traceparent-header-field-values */
const TRACEPARENT = /^(?!ff)[\da-f]{2}-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}$/;

/** The `traceparent` in a header table. */
export function traceparentOf(headers: IdentifiedMessage['headers']): string | undefined {
  const value = headers?.traceparent;
  return typeof value === 'string' && TRACEPARENT.test(value) ? value : undefined;
}
