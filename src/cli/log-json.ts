import { printable, redact } from './printable.ts';

type Fields = Readonly<Record<string, unknown>>;

/**
 * One JSON line of a record's own fields, the caller's and the message, in this order; a field of the caller's never
 * replaces one of the record's. Never throws: fields that cannot be written are left out, and `unloggable` says why.
 */
export function toJson(own: Fields, fields: Fields, message: Fields): string {
  try {
    return stringify(Object.assign({}, own, fields, own, message));
  } catch (error) {
    return stringify({ ...own, unloggable: error instanceof Error ? error.message : 'not an Error', ...message });
  }
}

function stringify(record: Fields): string {
  // The path from the record to the value at hand: what JSON.stringify walks through, and what it stands for.
  const path: { readonly walked: unknown; readonly original: unknown }[] = [];
  const json = JSON.stringify(record, function (this: Record<string, unknown>, key, value: unknown) {
    const original = this[key];
    // `this` is what holds the value, so whatever comes after it on the path has been left.
    while (path.length && path.at(-1)?.walked !== this) path.pop();
    const walked = simplify(original, value);
    if (typeof walked !== 'object' || walked === null) return walked;
    if (path.some((step) => step.original === original)) return '[circular]';
    path.push({ walked, original });
    return walked;
  });
  // JSON.stringify escapes line ends itself, but leaves DEL, the C1 controls and marks of direction alone.
  return printable(json);
}

/** `original` is the value before its `toJSON`. */
function simplify(original: unknown, value: unknown): unknown {
  if (typeof value === 'string') return redact(value);
  if (typeof value === 'bigint') return value.toString();
  // The numbers of its bytes would say nothing and fill pages.
  if (original instanceof Uint8Array) return `<${original.byteLength} bytes>`;
  if (original instanceof Error) {
    const { name, message, stack, cause } = original;
    // A refused connection to localhost has its reasons in `errors` only, and nothing in its message.
    const errors = original instanceof AggregateError ? original.errors : undefined;
    return { ...original, name, message, stack, cause, errors };
  }
  return value;
}
