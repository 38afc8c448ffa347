/** Markup that is safe to put into a page as it is. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

/** The values that a template may hold; strings and numbers are escaped, lists joined, and what is undefined leaves nothing. */
type Part = Markup | string | number | undefined | readonly Part[];

/** A template whose values are escaped, so that nothing of a document can become markup: `` html`<b>${name}</b>` ``. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return new Markup(String.raw({ raw: strings }, ...parts.map(flat)));
}

/** For text and for attribute values in quotes. */
function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function flat(part: Part): string {
  if (part === undefined) return '';
  if (part instanceof Markup) return part.text;
  if (typeof part === 'string' || typeof part === 'number') return escaped(String(part));
  return part.map(flat).join('');
}
