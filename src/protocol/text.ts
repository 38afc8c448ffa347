import { inspect } from 'node:util';

/** A text, cut: the first `length` UTF-16 units, and `…` if there were more. */
export function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}

/** The text of anything that was thrown: an error's message, or with `stack` all that a console would show. */
export function describeThrown(thrown: unknown, { stack = false } = {}): string {
  try {
    return thrown instanceof Error && !stack ? String(thrown.message) : inspect(thrown);
  } catch {
    return 'a value that throws when it is looked at';
  }
}
