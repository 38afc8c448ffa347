import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { start } from '../../test-helpers/programs.ts';

const pages = ['README.md', 'CONTRIBUTING.md', 'results/README.md'].concat(
  readdirSync('docs').map((name) => `docs/${name}`),
);
const documents = pages.filter((page) => page.endsWith('.md')).map((page) => readFileSync(page, 'utf8'));

/** Flags that the docs name and that belong to other commands. */
const others = {
  docker: `build-arg cap-drop format health-interval init name network no-healthcheck provenance read-only restart rm scale
    ulimit user volumes wait`,
  node: 'import max-old-space-size test',
  npm: 'access save-dev silent',
  'build.mjs and the tests of this checkout': 'busy function minutes outfile update-api',
  'the example in docs/your-function.md': 'min-length',
};

/** The long flags in a text, without dashes. */
const flagsOf = (text: string) =>
  [...text.matchAll(/(?<![\w-])--([a-z][a-z-]*[a-z])(?![\w-])/g)].map(([, flag = '']) => flag);

describe('every option', () => {
  test('is in the docs, and they name no flag that no program knows', async (t) => {
    const programs = ['worker.js', 'client.js', 'compare.js'];
    const helps = await Promise.all(
      programs.map(async (program) => (await start(t, program, ['--help'], { url: null }).end()).stdout),
    );
    const known = new Set(flagsOf(helps.join('\n')));
    const variables = [...helps.join('\n').matchAll(/env\s+([A-Z_]+)/g)].map(([, name = '']) => name);
    assert.ok(known.size > 40 && variables.length > 20, 'their --help was read');

    const documented = documents.join('\n');
    const named = new Set(flagsOf(documented));
    assert.deepEqual(
      [...known].filter((flag) => !named.has(flag) && !named.has(flag.replace(/^no-/, ''))),
      [],
      'options that no page explains',
    );
    assert.deepEqual(
      variables.filter((name) => !documented.includes(name)),
      [],
      'variables that no page explains',
    );
    const foreign = new Set(Object.values(others).flatMap((flags) => flags.split(/\s+/)));
    assert.deepEqual(
      [...named].filter(
        (flag) =>
          !known.has(flag) && !known.has(`no-${flag}`) && !known.has(flag.replace(/^no-/, '')) && !foreign.has(flag),
      ),
      [],
      'flags that no program knows',
    );
  });
});
