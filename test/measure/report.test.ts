import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { type Browser, type BrowserContextOptions, chromium } from 'playwright-core';
import { answerOf } from '../../src/measure/analysis/answer.ts';
import { findingsOf } from '../../src/measure/analysis/findings.ts';
import type { MeasureDocument } from '../../src/measure/document/document.ts';
import { renderDiff } from '../../src/measure/report/diff.ts';
import { renderPage } from '../../src/measure/report/page.ts';
import { renderPicture } from '../../src/measure/report/picture.ts';
import { renderAnswers, renderScenario, renderTable } from '../../src/measure/report/table.ts';
import { renderText } from '../../src/measure/report/text.ts';
import { chromiumFlags, findChromium } from '../../test-helpers/chromium.ts';
import { badChartTexts, faintTexts, ids } from '../../test-helpers/in-page.ts';
import { knownDocument, sampleOf } from '../../test-helpers/measure/known-document.ts';

const better = knownDocument(2);
const findings = findingsOf(better);

describe('the answer', () => {
  it('is five lines, the last of the report, and says what was found', () => {
    const { lines } = answerOf(findings);
    assert.equal(lines.length, 5);
    assert.ok(renderText(findings).endsWith(`\n${lines.join('\n')}\n`));
    assert.match(
      lines[1] ?? '',
      /^Clients that come and go: yes; a life of one call takes 0\.50 × the time \(2\.\d+ × as good, .* 0\.50 × the broker’s work\.$/,
    );
    assert.match(lines[2] ?? '', /^Clients that stay: yes .*one queue fewer at the broker for each\.$/);
    assert.match(lines[3] ?? '', /^A queue per request: no for clients that stay \(0\.10 × as good/);
  });

  it('is no where it is worse, no difference where it is none, and not settled where rounds are few', () => {
    const said = (document: MeasureDocument) => answerOf(findingsOf(document)).lines[2] ?? '';
    assert.match(said(knownDocument(0.5)), /^Clients that stay: no /);
    assert.match(said(knownDocument(1)), /^Clients that stay: it makes no difference to speed /);
    assert.match(said(knownDocument(2, 2)), /^Clients that stay: not settled by this run /);
    assert.match(said(knownDocument(2, 0)), /^Clients that stay: not measured\.$/);
  });

  it('explains what is known: why direct replies cost throughput from 3.12 until 4.1', () => {
    const page = (asGood: number, broker: string) => renderPage(findingsOf(knownDocument(asGood, 12, { broker })));
    assert.match(page(0.5, 'RabbitMQ 4.0.5'), /pull request 14507/);
    assert.doesNotMatch(page(0.5, 'RabbitMQ 4.3.6'), /14507/);
    assert.doesNotMatch(page(2, 'RabbitMQ 4.0.5'), /14507/);
  });
});

describe('the report as text', () => {
  it('has a row for each contender with figures, ratio, verdict, the floor’s ratio, calls and failures', () => {
    const text = renderText(findings);
    assert.match(text, /^ 64 in flight\n {2}fib-worker per-request/m);
    assert.match(text, /^ {2}fib-worker direct +[\d,.]+ .* 1\.\d+ \[[\d.]+ to [\d.]+\] better +1\.\d+ +600 +0$/m);
    assert.match(text, /^ held for each of 500 at the broker +connections/m);
    assert.doesNotMatch(text, /^ {2}floor|NaN|undefined/m);
    assert.match(renderText(findings, { verbose: true }), /^ {2}floor direct/m);
  });

  it('says which calls failed, and why, and what was out of reach', () => {
    const [first, ...rest] = better.samples;
    assert.ok(first);
    const samples = [{ ...first, failed: 3, firstFailure: 'no reply' }, ...rest];
    const scenarios = better.scenarios.map((one) => ({
      ...one,
      outOfReach: '500 clients were out of reach here: too many',
    }));
    const text = renderText(findingsOf({ ...better, samples, scenarios, cutShort: 'enough' }));
    assert.match(text, /^Calls failed: fib-worker per-request, 1 call per life: 3 \(no reply\)\.$/m);
    assert.match(text, /out of reach here: too many\.$/m);
    assert.match(text, /^RabbitMQ 4\.3\.6 \(cut short: enough\)$/m);
  });

  it('sets two runs side by side, and says where they disagree', () => {
    const text = renderDiff(
      better,
      knownDocument(0.5, 12, { broker: 'RabbitMQ 3.10.8', conditions: [['broker', 'here']] }),
    );
    assert.match(text, /^ {2}staying, in all, fib-worker direct: better in a \(2\.\d+ ×\), worse in b/m);
    assert.match(text, /^ {2}broker\n {4}a {2}somewhere <b>else<\/b>\n {4}b {2}here$/m);
    assert.match(renderDiff(better, better), /^Where a and b disagree\n {2}nothing$/m);
    assert.doesNotMatch(text, /NaN|undefined/);
  });
});

describe('the table', () => {
  it('has a row for each claim, a column for each document, and marks what is better, worse and the same', () => {
    const rows = renderTable([
      better,
      knownDocument(0.5, 12, { broker: 'RabbitMQ 3.10.8' }),
      knownDocument(1, 0),
    ]).split('\n');
    assert.equal(
      rows[0],
      '| Direct Reply-To, × as good as a queue per client | RabbitMQ 4.3.6 | RabbitMQ 3.10.8 | RabbitMQ 4.3.6 |',
    );
    const cells = String.raw`\*\*(2\.0\d|1\.9\d)\*\* \[[\d.]+, [\d.]+\] \| \*0\.\d+\* \[[\d.]+, [\d.]+\] \| – \|`;
    assert.match(rows[2] ?? '', new RegExp(`^\\| connect, one call, disconnect \\| ${cells}$`));
    assert.equal(rows[8], '| queues a client: direct, queue per client | 0, 1 | 0, 1 | – |');
    assert.match(renderTable([knownDocument(1, 12)]), /^\| connect, one call, disconnect \| ≈ [\d.]+ \[/m);
    assert.match(renderTable([knownDocument(1.05, 2)]), /^\| connect, one call, disconnect \| 1\.\d+ \|/m);
  });
});

describe('what the docs have of documents', () => {
  it('are the figures of a scenario, with what the broker held', () => {
    const lines = renderScenario(better, 'clients').split('\n');
    assert.match(lines[0] ?? '', /^\| RabbitMQ 4\.3\.6 \| contender \| set-up ms \| p50 ms \|/);
    assert.match(lines[4] ?? '', /^\| 10 clients \| fib-worker direct \| 1\.\d+ \|/);
    assert.match(lines.join('\n'), /^\| the broker held for each of 500 clients \| connections \|/m);
    assert.throws(() => renderScenario(better, 'workers'), { message: 'workers was not measured there' });
  });

  it('is how good each library is beside this project’s', () => {
    const library = (name: string) => ({ name, implementation: name, design: 'direct' as const, detail: '' });
    const rows = renderTable([
      {
        ...better,
        question: 'implementations',
        contenders: [library('fib-worker'), { ...library('other'), baseline: 'fib-worker' }],
        samples: ['fib-worker', 'other'].flatMap((contender) =>
          Array.from({ length: 6 }, (_, at) =>
            sampleOf(
              { scenario: 'payload', level: 16, contender, round: at + 1 },
              { rate: contender === 'other' ? 100 : 400 + at },
            ),
          ),
        ),
      },
    ]).split('\n');
    assert.equal(rows[0], '| × as good as fib-worker, RabbitMQ 4.3.6 | other |');
    assert.match(rows.join('\n'), /^\| replies of 16 B to 1 MiB \| \*0\.25\* \[0\.2\d, 0\.2\d\] \|$/m);
  });

  it('is the answer, a list', () => {
    assert.match(renderAnswers([better]), /^\*\*Should replies come by .*\*\*\n\n- Clients that come and go: yes;/);
  });

  it('is a picture that stands alone, of reply designs alone', () => {
    const picture = renderPicture(findings);
    assert.match(picture, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" width="760"/);
    assert.match(picture, /prefers-color-scheme: dark/);
    assert.match(picture, /<text[^>]*>a life of 1 call<\/text>/);
    assert.doesNotMatch(picture, /NaN|undefined/);
    assert.throws(() => renderPicture(findingsOf({ ...better, question: 'implementations' })), /of reply designs/);
  });
});

describe('the page', () => {
  it('is the same whenever it is made of the same document, escapes it, and can be made of next to nothing', () => {
    assert.equal(renderPage(findingsOf(better)), renderPage(findings));
    assert.match(renderPage(findings), /somewhere &#60;b&#62;else/);
    const { wire: _, ...rest } = better;
    for (const document of [
      { ...rest, scenarios: [], samples: [], percentiles: [], conditions: [] },
      { ...rest, samples: [] },
      { ...rest, contenders: [], samples: [] },
      { ...rest, question: 'implementations' as const },
    ])
      assert.doesNotMatch(renderPage(findingsOf(document)), /NaN|undefined|Infinity/);
  });

  it('says it in less than 2,500 words outside of what is folded away', () => {
    const shown = renderPage(findings)
      .replace(/<style>[\s\S]*?<\/style>|<details>[\s\S]*?<\/details>/g, '')
      .replace(/<[^>]*>/g, ' ');
    const words = shown.split(/\s+/).filter(Boolean).length;
    assert.ok(words < 2_500 && words > 400, `${words} words`);
  });
});

const executablePath = findChromium();
const skip = executablePath === undefined && 'no Chromium found: install one, or set CHROMIUM_PATH';

describe('the page in a browser', { skip }, () => {
  let browser: Browser;
  let folder: string;
  before(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'fib-worker-page-'));
    browser = await chromium.launch({ ...(executablePath && { executablePath }), args: chromiumFlags });
  });
  after(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Opens the page; `trouble` is all that it asks for or logs. */
  async function open(options: BrowserContextOptions, of = findings) {
    const file = path.join(folder, 'page.html');
    writeFileSync(file, renderPage(of));
    const url = pathToFileURL(file).href;
    const page = await browser.newPage(options);
    const trouble: string[] = [];
    page.on('request', (request) => request.url() !== url && trouble.push(`asks for ${request.url()}`));
    page.on('console', (message) => trouble.push(`logs ${message.text()}`));
    page.on('pageerror', (error) => trouble.push(`fails: ${error.message}`));
    await page.goto(url);
    return { page, trouble };
  }

  it('loads nothing, logs nothing, and needs no script', async () => {
    const { page, trouble } = await open({});
    assert.deepEqual(trouble, []);
    assert.equal(await page.locator('script, img, iframe, object, link:not([href^="data:"])').count(), 0);
  });

  for (const [name, options] of [
    ['a phone', { viewport: { width: 390, height: 844 } }],
    ['a phone by night', { viewport: { width: 390, height: 844 }, colorScheme: 'dark' }],
    ['a desk', { viewport: { width: 1_280, height: 900 } }],
  ] as const) {
    it(`is readable on ${name}, with any figures`, async () => {
      for (const asGood of [0.013, 1, 112]) {
        const { page } = await open(options, findingsOf(knownDocument(asGood)));
        assert.deepEqual(await page.evaluate(badChartTexts, 11), [], `${asGood}`);
      }
    });

    it(`has the answer and the first intervals on the first screen of ${name}, and nothing scrolls sideways`, async () => {
      const { page } = await open(options);
      const place = async (selector: string) =>
        (await page.locator(selector).first().boundingBox()) ?? { y: Number.NaN };
      assert.ok((await place('.answer')).y < 300);
      assert.ok((await place('#answer svg')).y < options.viewport.height - 60);
      for (const details of await page.locator('details > summary').all()) await details.click();
      const { scrollWidth, innerWidth } = (await page.evaluate(
        '({ innerWidth, scrollWidth: document.documentElement.scrollWidth })',
      )) as { scrollWidth: number; innerWidth: number };
      assert.equal(scrollWidth, innerWidth);
      assert.deepEqual(await page.evaluate(faintTexts, 4.5), []);
      assert.deepEqual(await page.evaluate(badChartTexts, 11), []);
      const { own, wanted } = await page.evaluate(ids);
      assert.equal(new Set(own).size, own.length);
      for (const id of wanted) assert.ok(own.includes(id), id);
    });
  }
});
