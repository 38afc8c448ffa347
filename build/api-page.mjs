// Writes the reference of the public API, docs/api.md, out of the declarations that the package holds.
import { createRequire } from 'node:module';

const ts = createRequire(createRequire(import.meta.url).resolve('@microsoft/api-extractor'))('typescript');

/**
 * The page, as Markdown: each name with its doc comment and its declaration.
 *
 * @param text the declarations of all entries, in one file
 * @param entries the names that each entry exports, by the entry's file: `{ index: ['RpcClient', …], … }`
 * @throws Error that names what has no doc comment
 */
export function apiPage(text, entries) {
  const source = ts.createSourceFile('types.d.ts', text, ts.ScriptTarget.ES2022, true);
  const declarations = source.statements
    .filter((statement) => statement.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword))
    .sort((one, other) => Number(ts.isClassDeclaration(other)) - Number(ts.isClassDeclaration(one))) // classes first
    .map((statement) => describe(statement, source));
  const bare = declarations.flatMap(({ undocumented }) => undocumented);
  if (bare.length > 0) throw new Error(`the public API has parts without a doc comment: ${bare.join(', ')}`);
  const names = new Set(declarations.map(({ name }) => name));
  const link = (_, name) => (names.has(name) ? `[${name}](${anchor(name)})` : `\`${name}\``);
  const sections = declarations.map(({ name, doc, code }) =>
    [`## ${name}`, ...(doc ? [doc.replace(LINK, link)] : []), `\`\`\`ts\n${code}\n\`\`\``].join('\n\n'),
  );
  const lists = Object.entries(entries).map(([entry, names]) => {
    const from = entry === 'index' ? 'fib-worker' : `fib-worker/${entry}`;
    return `\`import … from '${from}'\`: ${names.map((name) => `[${name}](${anchor(name)})`).join(', ')}`;
  });
  return `${['# The API', 'Made from the doc comments by `npm run build:package -- --update-api`.', ...lists, ...sections].join('\n\n')}\n`;
}

/** A statement's name, its doc comment's text, its code without either `export declare` or the comment, and its parts that have no comment. */
function describe(statement, source) {
  const [declaration = statement] = statement.declarationList?.declarations ?? [];
  const name = declaration.name.text;
  const members = (declaration.members ?? []).filter((member) => member.name && !ts.isPrivateIdentifier(member.name));
  return {
    name,
    doc: docsOf(declaration)
      .map((doc) => proseOf(doc.getText(source)))
      .join('\n\n'),
    code: statement
      .getText(source)
      .replace(/^export declare /, '')
      .replace(LINK, '`$1`'),
    undocumented: [declaration, ...members]
      .filter((part) => docsOf(part).length === 0)
      .map((part) => (part === declaration ? name : `${name}.${part.name.getText(source)}`)),
  };
}

const docsOf = (node) => ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc);

/** The text of a doc comment without its stars; a tag becomes an item of a list. */
function proseOf(comment) {
  return comment
    .replace(/^\/\*\*|\*\/$/g, '')
    .replace(/^[ \t]*\* ?/gm, '')
    .trim()
    .replace(/\n?^@(\w+)\s+/gm, '\n- *$1* ');
}

const LINK = /\{@link (\w+)[^}]*\}/g;

const anchor = (name) => `#${name.toLowerCase()}`;
