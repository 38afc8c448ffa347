// Writes the declarations of what the npm package holds, and compares them with the reference in docs/. It takes seconds to load.
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';
import { apiPage } from './api-page.mjs';
import { entries } from './package.mjs';

/**
 * Writes the declarations: one file for all entries, so that a type of one is that of the others, and for each entry the names that
 * it exports. And compares them with docs/api.md, the reference, so that no change of the API goes unseen.
 *
 * @param update whether to write the reference anew
 * @throws Error that says what is wrong: a type that users see and can't name, a reference that is out of date
 */
export async function declarePackage(root, { update }) {
  const scratch = await mkdtemp(path.join(root, 'lib/.types-'));
  try {
    await emitDeclarations(root, scratch);
    const exported = namesOf(
      Object.fromEntries(Object.entries(entries).map(([name, file]) => [name, declared(scratch, file)])),
    );
    rollUp(root, scratch);
    const rolled = await readFile(path.join(scratch, 'types.d.ts'), 'utf8');
    await writeFile(
      path.join(root, 'lib/types.d.ts'),
      `/// <reference types="node" />\n${rolled.replace(/^\/\/\/ <reference.*\n/gm, '')}`,
    );
    const { types } = namesOf({ types: path.join(root, 'lib/types.d.ts') });
    for (const [name, names] of Object.entries(exported)) {
      const lost = names.filter((one) => !types.includes(one));
      if (lost.length > 0)
        throw new Error(`${entries[name]} exports what lib/types.d.ts does not have: ${lost.join(', ')}`);
      const list =
        names.length > 0
          ? `export {\n${names.map((one) => `  ${one},\n`).join('')}} from './types.js';\n`
          : 'export {};\n';
      await writeFile(path.join(root, `lib/${name}.d.ts`), `/// <reference types="node" />\n${list}`);
    }
    await comparePage(path.join(root, 'docs/api.md'), apiPage(rolled, exported), update);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function comparePage(file, page, update) {
  if (update) await writeFile(file, page);
  else if ((await readFile(file, 'utf8')) !== page)
    throw new Error('docs/api.md is out of date: run `npm run build:package -- --update-api`, and look at its diff');
}

const declared = (scratch, file) => path.join(scratch, path.relative('src', file).replace(/\.ts$/, '.d.ts'));

async function emitDeclarations(root, scratch) {
  const config = {
    extends: path.join(root, 'tsconfig.json'),
    compilerOptions: {
      noEmit: false,
      emitDeclarationOnly: true,
      declaration: true,
      stripInternal: true,
      rootDir: path.join(root, 'src'),
      outDir: scratch,
    },
    include: [path.join(root, 'src/**/*.d.ts')],
    files: Object.values(entries).map((file) => path.join(root, file)),
  };
  const file = path.join(scratch, 'tsconfig.json');
  await writeFile(file, JSON.stringify(config));
  const { status, stdout } = spawnSync(
    process.execPath,
    [path.join(root, 'node_modules/typescript/bin/tsc'), '-p', file],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`tsc could not write the declarations:\n${stdout}`);
  for (const name of await readdir(scratch, { recursive: true })) {
    if (!name.endsWith('.d.ts')) continue;
    const text = await readFile(path.join(scratch, name), 'utf8');
    await writeFile(
      path.join(scratch, name),
      text.replaceAll(/((?:from|import\() ?['"]\.[^'"]*)\.ts(['"])/g, '$1.js$2'),
    );
  }
  const all = Object.values(entries).map(
    (entry) => `export * from './${path.relative('src', entry).replace(/\.ts$/, '.js')}';\n`,
  );
  await writeFile(path.join(scratch, 'all.d.ts'), all.join(''));
}

function rollUp(root, scratch) {
  const config = ExtractorConfig.prepare({
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: path.join(scratch, 'all.d.ts'),
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            target: 'es2022',
            lib: ['es2023', 'esnext.disposable'],
            module: 'nodenext',
            types: ['node'],
            strict: true,
          },
          files: [path.join(scratch, 'all.d.ts')],
          include: [path.join(root, 'src/**/*.d.ts')], // declarations of others' modules
        },
      },
      apiReport: { enabled: false },
      dtsRollup: { enabled: true, untrimmedFilePath: path.join(scratch, 'types.d.ts') },
      docModel: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: 'lf',
      messages: {
        compilerMessageReporting: { default: { logLevel: 'error' } },
        extractorMessageReporting: {
          default: { logLevel: 'error' },
          'ae-missing-release-tag': { logLevel: 'none' },
          'ae-unresolved-link': { logLevel: 'none' },
        },
        tsdocMessageReporting: { default: { logLevel: 'none' } },
      },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: path.join(root, 'package.json'),
  });
  const problems = [];
  const result = Extractor.invoke(config, {
    localBuild: true,
    messageCallback(message) {
      message.handled = true;
      if (message.logLevel === ExtractorLogLevel.Error) problems.push(message.formatMessageWithLocation(scratch));
    },
  });
  if (problems.length > 0) throw new Error(`the public types are not in order:\n${problems.join('\n')}`);
  if (!result.succeeded) throw new Error('the public types are not in order');
}

/** The names that each of these declaration files exports, sorted. */
function namesOf(files) {
  const ts = createRequire(createRequire(import.meta.url).resolve('@microsoft/api-extractor'))('typescript');
  const program = ts.createProgram(Object.values(files), {
    module: ts.ModuleKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    types: ['node'],
  });
  const checker = program.getTypeChecker();
  return Object.fromEntries(
    Object.entries(files).map(([name, file]) => {
      const symbol = checker.getSymbolAtLocation(program.getSourceFile(file));
      return [
        name,
        symbol
          ? checker
              .getExportsOfModule(symbol)
              .map((one) => one.name)
              .sort()
          : [],
      ];
    }),
  );
}
