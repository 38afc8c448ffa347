import '../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';

const pages = ['.', 'docs', 'results'].flatMap((folder) =>
  readdirSync(folder)
    .filter((file) => file.endsWith('.md'))
    .map((file) => path.posix.join(folder, file)),
);

/** The anchors of a page: what its headings are called in a link. */
function anchorsOf(page: string): string[] {
  const headings = readFileSync(page, 'utf8').matchAll(/^#+ (.+)$/gm);
  return [...headings].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_\- ]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  );
}

/** The links of a page that lead nowhere in this checkout. */
function brokenLinks(page: string): string[] {
  const links = [...readFileSync(page, 'utf8').matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link ?? '');
  return links.filter((link) => {
    if (/^[a-z]+:/.test(link)) return false; // somebody else's page
    const [file = '', anchor] = link.split('#');
    const target = file === '' ? page : path.posix.join(path.posix.dirname(page), file);
    if (!existsSync(target)) return true;
    return anchor !== undefined && target.endsWith('.md') && !anchorsOf(target).includes(anchor);
  });
}

describe('the docs', () => {
  for (const page of pages) {
    it(`${page} links to what is there`, () => {
      assert.deepEqual(brokenLinks(page), []);
    });
  }

  it('have an index that names every page', () => {
    const index = readFileSync('docs/README.md', 'utf8');
    const missing = pages.filter(
      (page) => page.startsWith('docs/') && !index.includes(`(${path.posix.basename(page)})`),
    );
    assert.deepEqual(missing, ['docs/README.md']);
  });

  it('begin with a README of at most 1,200 words', () => {
    assert.ok(readFileSync('README.md', 'utf8').split(/\s+/).length <= 1_200);
  });
});
