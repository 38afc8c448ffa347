/** Whether a message says that it is text, JSON included. One that says nothing is taken for text, as the tutorial's are. */
export function saysText(contentType: string | undefined): boolean {
  return /^\s*(?:text\/|application\/(?:[^;\s]*\+)?json\s*(?:;|$)|$)/i.test(contentType ?? '');
}
