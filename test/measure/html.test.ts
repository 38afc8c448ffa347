import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import type { ComparisonDocument } from '../../src/measure/document.ts';
import { renderHtml } from '../../src/measure/render/html.ts';
import { chromiumFlags, findChromium } from '../../test-helpers/chromium.ts';
import { badChartTexts, colours, faintTexts, ids, layout } from '../../test-helpers/in-page.ts';
import { completeDocument, sampleDocument } from '../../test-helpers/measure/sample-document.ts';

const executablePath = findChromium();
const skip = executablePath === undefined && 'no Chromium found: install one, or set CHROMIUM_PATH';

const sample = renderHtml(sampleDocument);

const PHONE = { width: 360, height: 740 };
const DESK = { width: 1_280, height: 900 };
/** What A4 leaves between the page's margins. */
const PAPER = { width: 703, height: 1_010 };

describe('the page', () => {
  it('is the same whenever it is made of the same document', () => {
    assert.equal(renderHtml(sampleDocument), sample);
  });

  it('can be made of next to nothing', () => {
    const { wire: _, ...rest } = completeDocument;
    const [workload] = rest.workloads;
    assert.ok(workload);
    const [level] = workload.levels;
    assert.ok(level);
    const [entry] = level.entries;
    assert.ok(entry);
    const { toBaseline: _ratio, toFloor: _other, broker: _cost, ...bare } = entry;
    const documents: ComparisonDocument[] = [
      { ...rest, workloads: [], implementations: [], reading: [], conditions: [] },
      { ...rest, workloads: [{ ...workload, levels: [], sentences: [] }] },
      { ...rest, workloads: [{ ...workload, levels: [{ ...level, entries: [] }] }] },
      {
        ...rest,
        workloads: [{ ...workload, levels: [{ ...level, entries: [{ ...bare, figures: {}, percentiles: [] }] }] }],
      },
    ];
    for (const document of documents) assert.doesNotMatch(renderHtml(document), /NaN|undefined|Infinity/);
  });
});

describe('the page in a browser', { skip }, () => {
  let browser: Browser;
  let folder: string;
  /** For the tests that only look: on a desk, by day. */
  let page: Page;
  let trouble: string[];
  before(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'fib-worker-page-'));
    browser = await chromium.launch({ ...(executablePath && { executablePath }), args: chromiumFlags });
    ({ page, trouble } = await open({ viewport: DESK }));
  });
  after(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Opens the page; `trouble` is whatever it asks for, logs or shows. */
  async function open(
    options: BrowserContextOptions,
    content: string = sample,
  ): Promise<{ page: Page; trouble: string[] }> {
    const file = path.join(folder, 'page.html');
    writeFileSync(file, content);
    const url = pathToFileURL(file).href;
    const page = await browser.newPage(options);
    const trouble: string[] = [];
    page.on('request', (request) => request.url() !== url && trouble.push(`asks for ${request.url()}`));
    page.on('console', (message) => trouble.push(`logs ${message.text()}`));
    page.on('pageerror', (error) => trouble.push(`fails: ${error.message}`));
    page.on('dialog', (dialog) => {
      trouble.push(`shows ${dialog.message()}`);
      void dialog.dismiss();
    });
    await page.goto(url);
    return { page, trouble };
  }

  it('loads nothing, logs nothing, and needs no script', async () => {
    await page.waitForLoadState('networkidle');
    assert.deepEqual(trouble, []);
    assert.equal(await page.locator('script, img, iframe, object, link:not([href^="data:"])').count(), 0);
  });

  it('says all that there is to say: sentences first, every workload, how to read it, conditions', async () => {
    const { broker, cutShort, workloads, wire, reading, conditions, implementations } = sampleDocument;
    const text = (await page.locator('body').innerText()).replaceAll('\u00a0', ' ');
    const lines = [...reading, ...conditions, ...implementations.map(({ name, detail }) => [name, detail])].flat();
    const sentences = [...workloads.flatMap((one) => one.sentences), ...(wire?.sentences ?? [])];
    for (const words of [broker, cutShort ?? '', ...lines, ...sentences]) assert.ok(text.includes(words), words);
    const titles = [...workloads.map(({ title }) => title), wire?.title ?? ''];
    const headings = (await page.locator('h2').allInnerTexts()).map((heading) => heading.toLowerCase());
    for (const title of titles)
      assert.ok(
        headings.some((heading) => heading.startsWith(title)),
        title,
      );
    assert.equal(headings[0], 'what it says');
    assert.equal(await page.locator('#findings a').count(), titles.length);
  });

  it('has charts of latency percentiles, of each workload over its levels, of the broker’s cost, and of the wire', async () => {
    const labels = await page
      .locator('svg')
      .evaluateAll((all) => all.map((svg) => svg.getAttribute('aria-label') ?? ''));
    for (const start of [
      'Interval chart: how many times as good as exclusive direct does, fib-worker',
      'Line chart, one call at a time: ms by percentile, floor',
      'Line chart, calls in flight: calls/s by calls in flight, fib-worker',
      'Line chart, connect, call, disconnect: p50 ms by calls per life, floor',
      'Line chart, many clients: set-up ms by clients, fib-worker',
      'Bar chart, many clients: Erlang processes that the broker held per client, 500 clients',
      'Bar chart, a burst while the requester stands still: recovery ms',
      'Line chart, size of the reply: calls/s by bytes per reply, fib-worker',
      'Line chart, calls offered at a steady rate: p99 ms by calls/s offered, fib-worker',
      'Bar chart, what goes over the wire: Network round trips of fib-worker',
    ]) {
      assert.ok(
        labels.some((label) => label.startsWith(start)),
        start,
      );
    }
  });

  it('has calls, failed and discarded in the row of every figure, and ratios with their interval', async () => {
    const rows = page.locator('#w7 table').first().locator('tbody tr');
    const row = await rows
      .filter({ hasText: /fib-worker\s*per-request/ })
      .last()
      .innerText();
    assert.match(row, /⚠ 215\s+211 timed out, 1 wrong, 3 other errors/);
    assert.match(row, /\d × [\d.]+ to [\d.]+\s+worse/);
    for (const table of await page.locator('section:has(svg[aria-label^="Line"]) table').all()) {
      const heading = await table.locator('thead').innerText();
      if (heading.includes('calls/s')) assert.match(heading, /calls\s+failed\s+discarded/);
    }
    assert.match(await page.locator('#w4').innerText(), /no interval: too few rounds/);
    assert.match(await page.locator('#w3').innerText(), /What it cost the broker: not available\./);
  });

  it('can be used without seeing it', async () => {
    assert.equal(await page.locator('html').getAttribute('lang'), 'en');
    const levels = await page
      .locator('h1, h2, h3, h4')
      .evaluateAll((all) => all.map(({ tagName }) => Number(tagName[1])));
    assert.equal(levels.filter((level) => level === 1).length, 1);
    for (const [index, level] of levels.entries()) assert.ok(level <= (levels[index - 1] ?? 0) + 1, `heading ${index}`);
    const charts = page.locator('svg');
    assert.ok((await charts.count()) > 30);
    assert.equal(
      await charts.count(),
      await page.locator('figure svg[role=img][aria-label]:not([aria-label=""])').count(),
    );
    const tables = page.locator('table');
    assert.ok((await tables.count()) > 8);
    assert.equal(await tables.count(), await page.locator('table:has(caption)').count());
    assert.equal(await page.locator('th:not([scope])').count(), 0);
    assert.equal(await page.locator('tr:not(:has(th))').count(), 0);
    assert.equal(await tables.count(), await page.locator('[role=region][aria-label][tabindex="0"] > table').count());
  });

  it('draws the interval of every ratio that has one, whether or not a difference was shown', async () => {
    const chart = page.locator('svg[aria-label^="Interval chart"][aria-label*="exclusive direct does, fib-worker"]');
    const widths = await chart.locator('path[stroke="var(--direct)"][stroke-width="2.2"]').evaluateAll((lines) => {
      return lines.map((line) => line.getBoundingClientRect().width);
    });
    const entries = sampleDocument.workloads.flatMap(({ levels }) => levels.flatMap((level) => level.entries));
    const ratios = entries
      .filter(({ implementation, design }) => implementation === 'fib-worker' && design === 'direct')
      .flatMap(({ toBaseline }) => (toBaseline?.interval ? [toBaseline] : []));
    assert.ok(ratios.length > 10);
    assert.equal(widths.filter((width) => width > 1).length, ratios.length);
  });

  it('tells designs apart by more than their colour', async () => {
    const dashes = await page
      .locator('svg[aria-label^="Line chart, calls in flight"]')
      .first()
      .evaluate((svg) => {
        const lines = [...svg.querySelectorAll('g[clip-path] path, path[stroke-width="2.2"]')];
        return [...new Set(lines.map((line) => line.getAttribute('stroke-dasharray') ?? 'solid'))];
      });
    assert.equal(dashes.length, 3, dashes.join('; '));
  });

  it('has ids that are there once, and that whatever refers to finds', async () => {
    const { own, wanted } = await page.evaluate(ids);
    assert.ok(wanted.length > 8);
    assert.equal(new Set(own).size, own.length);
    assert.deepEqual(
      wanted.filter((id) => !own.includes(id)),
      [],
    );
  });

  for (const [name, viewport] of Object.entries({ phone: PHONE, desk: DESK })) {
    it(`fits a ${name}: nothing sticks out sideways, and the text of charts can be read`, async () => {
      const { page } = await open({ viewport });
      const { width, wideTables } = await page.evaluate(layout);
      assert.equal(width, viewport.width);
      if (name === 'phone') assert.ok(wideTables > 0, 'wide tables scroll in a box of their own');
      else assert.equal(wideTables, 0);
      assert.deepEqual(await page.evaluate(badChartTexts, 9), []);
    });
  }

  it('is dark where the reader’s machine is, charts included, with contrast either way', async () => {
    const light = await open({ viewport: DESK, colorScheme: 'light' });
    const dark = await open({ viewport: DESK, colorScheme: 'dark' });
    const [byDay, byNight] = [await light.page.evaluate(colours), await dark.page.evaluate(colours)];
    assert.equal(byDay.paper, 'rgb(255, 255, 255)');
    for (const key of ['paper', 'texts', 'lines', 'marks'] as const) assert.notEqual(byDay[key], byNight[key], key);
    for (const { page } of [light, dark]) assert.deepEqual(await page.evaluate(faintTexts, 4.5), []);
  });

  it('leaves no colour to the chart library: all are the page’s own', () => {
    const svgs = sample.match(/<svg[\s\S]*?<\/svg>/g) ?? [];
    assert.ok(svgs.length > 30);
    const colours = new Set(svgs.flatMap((svg) => svg.match(/(?<=(?:fill|stroke)=")[^"]+/g) ?? []));
    const own = [...colours].filter((colour) => !/^var\(--[\w-]+\)$/.test(colour));
    // clip paths are filled too, and nobody sees it
    assert.deepEqual(own.filter((colour) => colour !== 'none' && colour !== '#000').sort(), []);
  });

  it('prints: light, nothing clipped, no chart across two pages', async () => {
    const { page } = await open({ viewport: PAPER, colorScheme: 'dark' });
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    assert.equal((await page.evaluate(colours)).paper, 'rgb(255, 255, 255)');
    assert.deepEqual(await page.evaluate(layout), {
      width: PAPER.width,
      wideTables: 0,
      scrollingTables: 0,
      chartBreaks: ['avoid'],
    });
    assert.deepEqual(await page.evaluate(faintTexts, 4.5), []);
    const pdf = await page.pdf({ format: 'A4' });
    assert.equal(pdf.subarray(0, 5).toString(), '%PDF-');
  });

  it('shows whatever a document says as text, and runs none of it', async () => {
    const hostile = '</title></style></svg><script>alert(1)</script><img src=x onerror=alert(2)>"\'&{b}';
    const names = new Set([
      'direct',
      'exclusive',
      'per-request',
      'p50',
      'p90',
      'p99',
      'rate',
      'setUp',
      'recovery',
      'peakMemory',
    ]);
    const poisoned = JSON.parse(JSON.stringify(sampleDocument), (key, value: unknown) =>
      typeof value === 'string' && !names.has(value) && key !== 'began' ? `${value}${hostile}` : value,
    ) as ComparisonDocument;
    const { page, trouble } = await open({ viewport: DESK }, renderHtml(poisoned));
    await page.waitForLoadState('networkidle');
    assert.deepEqual(trouble, []);
    assert.equal(await page.locator('script, img').count(), 0);
    const text = await page.locator('body').innerText();
    for (const words of [
      poisoned.broker,
      poisoned.conditions[0]?.[1] ?? '',
      poisoned.workloads[0]?.levels[0]?.title ?? '',
    ])
      assert.ok(text.includes(words), words);
    assert.equal(await page.title(), `${poisoned.broker}: three ways to get a reply, compared`);
    // and its charts are still whole
    assert.equal(await page.locator('svg').count(), (sample.match(/<svg/g) ?? []).length);
    assert.equal((await page.evaluate(layout)).width, DESK.width);
  });
});
