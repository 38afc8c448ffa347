/** A text, cut: the first `length` UTF-16 units, and `…` if there were more. */
export function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}
