import { inspect } from 'node:util';

/** A text, cut: the first `length` UTF-16 units, and `…` if there were more. */
export function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}

/**
 * Makes a string safe to print on one line: control characters, line separators and the marks that turn the direction
 * of writing become escapes. What is escaped inside a JSON text stays valid JSON with the same value.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, (character) => {
    const short = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }[character];
    return short ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** A text of several lines, each {@link printable}. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

/** A text of a stranger's, for a message: {@link printable}, and at most `length` UTF-16 units of it. */
export function harmless(text: string, length: number): string {
  return cut(printable(text.slice(0, length + 1)), length);
}

/** The text of anything that was thrown: an error's message, or with `stack` all that a console would show. */
export function describeThrown(thrown: unknown, { stack = false } = {}): string {
  try {
    return thrown instanceof Error && !stack ? String(thrown.message) : inspect(thrown);
  } catch {
    return 'a value that throws when it is looked at';
  }
}
