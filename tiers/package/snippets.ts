import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { checkout } from '../../test-helpers/own-function.ts';

/** A block of TypeScript in a document. */
interface Snippet {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

/** The blocks of README and docs that are whole programs or modules: without a line `…`, where something was left out. */
export function snippets(): Snippet[] {
  const docs = readdirSync(path.join(checkout, 'docs')).filter((name) => name.endsWith('.md') && name !== 'api.md');
  return ['README.md', ...docs.map((name) => `docs/${name}`)].flatMap((file) => {
    const document = readFileSync(path.join(checkout, file), 'utf8');
    return [...document.matchAll(/^```ts\n([\s\S]*?)^```$/gm)]
      .map(({ 1: text = '', index }) => ({ file, line: document.slice(0, index).split('\n').length + 1, text }))
      .filter(({ text }) => !/^\s*…$/m.test(text));
  });
}

/** Whether it is a program, which has to end, rather than a module that others import. */
export function isRun(text: string): boolean {
  return !/^export /m.test(text);
}
