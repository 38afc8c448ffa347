import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { findingsOf } from '../../src/measure/analysis/findings.ts';
import { percentilesOf } from '../../src/measure/document/compose.ts';
import { documentSchema, type MeasureDocument, parseDocument } from '../../src/measure/document/document.ts';
import { renderPage } from '../../src/measure/report/page.ts';
import { renderText } from '../../src/measure/report/text.ts';
import { knownDocument } from '../../test-helpers/measure/known-document.ts';

const known = knownDocument(2);
const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(documentSchema);
const parse = (value: unknown) => parseDocument(JSON.stringify(value), 'a.json');

function expectShown(document: MeasureDocument): void {
  assert.ok(validate(document), JSON.stringify(validate.errors?.slice(0, 3)));
  const findings = findingsOf(document);
  for (const text of [renderText(findings, { verbose: true }), renderPage(findings)])
    assert.doesNotMatch(text, /NaN|undefined|Infinity/);
}

describe('a document', () => {
  it('has the form that docs/comparison.schema.json tells: node dist/compare.js schema writes it', () => {
    const published = JSON.parse(readFileSync('docs/comparison.schema.json', 'utf8'));
    assert.deepEqual(published, JSON.parse(JSON.stringify(documentSchema)));
    assert.ok(validate(known), JSON.stringify(validate.errors));
    assert.ok(!validate({ ...known, took: undefined }));
    assert.ok(!validate({ ...known, samples: [{ ...known.samples[0], level: 'many' }] }));
  });

  it('is read as it was written, with what a later program added', () => {
    assert.deepEqual(parse({ ...known, more: 1 }), { ...known, more: 1 });
  });

  it('is refused where it is damaged, and it is said where', () => {
    const cases: [unknown, RegExp][] = [
      [{ ...known, took: 'long' }, /^a\.json is damaged: took: expected a number, found "long"$/],
      [{ ...known, began: 'today' }, /began: expected a date/],
      [
        { ...known, samples: [{ ...known.samples[0], figures: { rate: null } }] },
        /samples\[0\]\.figures\.rate: expected a number/,
      ],
      [
        { ...known, scenarios: [{ ...known.scenarios[0], headline: 'speed' }] },
        /scenarios\[0\]\.headline: expected rate or p50/,
      ],
      [{ ...known, percentiles: [{ ...known.percentiles[0], percentiles: [[1]] }] }, /expected a list of two/],
      [{ ...known, version: 3 }, /version 3 of the format.*reads up to 2: take the newer program/],
      [{ format: 'something' }, /is no comparison/],
      [
        { format: 'fib-worker comparison', version: 1 },
        /^a\.json is damaged: began: expected a string, found nothing$/,
      ],
      [null, /is no comparison/],
    ];
    for (const [value, message] of cases) assert.throws(() => parse(value), { message });
    assert.throws(() => parseDocument('{', 'a.json'), { message: /^a\.json is not JSON/ });
  });

  it('has percentiles only where ten calls or more lie above them', () => {
    const told = (count: number) =>
      percentilesOf(Array.from({ length: count }, (_, i) => i)).map(([percent]) => percent);
    assert.deepEqual(told(19), []);
    assert.deepEqual(told(20), [50]);
    assert.deepEqual(told(99), [50]);
    assert.deepEqual(told(100), [50, 90]);
    assert.deepEqual(told(1_000), [50, 90, 99]);
    assert.deepEqual(told(10_000), [50, 90, 99, 99.9]);
  });
});

describe('the published results', () => {
  for (const name of readdirSync('results').filter((one) => one.endsWith('.json'))) {
    it(`are shown: ${name}`, () => {
      const document = parseDocument(readFileSync(`results/${name}`, 'utf8'), name);
      assert.ok(document.samples.length > 0);
      expectShown(document);
    });
  }

  it('are what the pages quote: npm run results renews them', () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['build/results.mjs', '--check'], {
      encoding: 'utf8',
    });
    assert.deepEqual([status, stdout], [0, ''], stderr);
  });
});

describe('old documents', () => {
  const read = (name: string) => {
    const text = readFileSync(`test-helpers/measure/${name}`, 'utf8');
    return { old: JSON.parse(text), document: parseDocument(text, name) };
  };
  const { old, document } = read('comparison-1.json');

  it('are still shown, those of npm run bench as well', () => {
    for (const one of [document, read('bench-1.json').document]) {
      assert.ok(one.samples.length > 0);
      expectShown(one);
    }
  });

  it('keep their medians, and their ratios round by round', () => {
    const { samples, ratio } = findingsOf(document);
    for (const { name, headline, levels } of old.workloads) {
      const scenario = { churn: 'life', sweep: 'flight' }[name as 'churn'] ?? name;
      for (const { level, entries } of levels) {
        for (const { implementation, design, figures, toBaseline } of entries) {
          const contender = `${implementation} ${design}`;
          const place = { scenario, level, contender };
          assert.equal(
            samples.median({ ...place, figure: headline }),
            figures[headline].median,
            `${name} ${level} ${contender}`,
          );
          if (!toBaseline) continue;
          const better = headline === 'rate' ? toBaseline.median : 1 / toBaseline.median;
          const value = ratio(place)?.value ?? Number.NaN;
          // of an even number of rounds the median of inverses is not the inverse of the median
          assert.ok(Math.abs(Math.log(value / better)) < 0.1, `${name} ${level} ${contender}: ${value}, ${better}`);
          assert.equal(ratio(place)?.logs.size, toBaseline.rounds.length);
        }
      }
    }
  });
});
