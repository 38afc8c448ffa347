import { redactTyped } from '../amqp/url.ts';
import { printable } from '../protocol/text.ts';

// Greedy up to the last @, since people leave / and @ unencoded in passwords, but never into the next URL of a list.
const PASSWORD = /((?:amqp|http)s?:\/\/(?:(?!(?:amqp|http)s?:\/\/)[^\s:])*:)(?:(?!(?:amqp|http)s?:\/\/)\S)*@/gi;

/** Hides the password of every AMQP or HTTP URL in a text: `amqp://user:***@host`. */
export function redact(text: string): string {
  return text.replace(PASSWORD, '$1***@');
}

/** Shows what somebody typed in an error message: quoted, safe to print, without passwords, at most 60 characters of it. */
export function quote(text: string): string {
  // Hidden before it is cut: a URL that lost its @ no longer looks like one with a password.
  const characters = [...redactTyped(text)];
  return printable(JSON.stringify(characters.slice(0, 60).join(''))) + (characters.length > 60 ? '…' : '');
}

// A URL that a cut took the rest of, maybe with its @.
const CUT_URL = /((?:amqp|http)s?:\/\/[^\s:@]*:)\S*$/i;

/** The beginning of a text that may be long: `length` characters at most and then `…`, no password of a URL shown. */
export function shorten(text: string, length: number): string {
  if (text.length <= length) return text;
  const characters = [...text.slice(0, 2 * length + 2)]; // no character is cut in two
  if (characters.length <= length) return text;
  return `${characters.slice(0, length).join('').replace(CUT_URL, '$1***')}…`;
}
