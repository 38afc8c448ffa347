/**
 * The octets of what a function returned: a Uint8Array as it is; with a JSON content type any value as JSON; else text as
 * UTF-8.
 * @throws TypeError if it can't be sent with this content type
 */
export function encodeReply(reply: unknown, contentType: string): Buffer {
  if (reply instanceof Uint8Array) return Buffer.from(reply.buffer, reply.byteOffset, reply.byteLength);
  if (isJson(contentType)) {
    const json = JSON.stringify(reply) as string | undefined; // throws on a cycle or a bigint, and says so
    if (json === undefined) throw new TypeError(`the function returned ${typeof reply}, which is nothing in JSON`);
    return Buffer.from(json);
  }
  if (typeof reply === 'string') return Buffer.from(reply);
  throw new TypeError(
    `the function returned ${typeof reply}; replies of content type ${contentType} are a string or a Uint8Array`,
  );
}

/** Whether a content type says JSON: `application/json`, `application/problem+json`, with parameters or without. */
export function isJson(contentType: string): boolean {
  return /^\s*application\/(?:[^\s;]*\+)?json\s*(?:;|$)/i.test(contentType);
}
