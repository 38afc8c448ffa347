import assert from 'node:assert/strict';

/** A metric family of Prometheus's text format. */
export interface Family {
  readonly help: string;
  readonly type: string;
  readonly samples: {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly value: number;
  }[];
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABEL = '([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\\\\n]|\\\\[\\\\"n])*)"';

/**
 * Reads Prometheus's text format, and fails on what breaks its rules: each family has one HELP and one TYPE before its
 * samples, no sample is there twice, a counter ends in _total and is not negative, a histogram's buckets grow up to its count.
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 */
export function parseMetrics(text: string): Map<string, Family> {
  assert.ok(text.endsWith('\n'), 'the last line ends');
  const families = new Map<string, Family>();
  const seen = new Set<string>();
  let help: { name: string; text: string } | undefined;
  let current = '';
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const comment = new RegExp(`^# (HELP|TYPE) (${NAME}) (.+)$`).exec(line);
    if (comment) {
      const [, kind, name = '', rest = ''] = comment;
      assert.ok(!families.has(name), `${name} is described once`);
      if (kind === 'HELP') help = { name, text: rest };
      else {
        assert.equal(help?.name, name, 'HELP comes before TYPE');
        assert.match(rest, /^(counter|gauge|histogram|summary|untyped)$/);
        families.set(name, { help: help?.text ?? '', type: rest, samples: [] });
        current = name;
      }
      continue;
    }
    const sample = new RegExp(`^(${NAME})(?:\\{(${LABEL}(?:,${LABEL})*)?\\})? (\\S+)$`).exec(line);
    assert.ok(sample, `a sample: ${line}`);
    const [name = '', inner = ''] = [sample[1], sample[2]];
    const value = Number((sample.at(-1) ?? '').replace('Inf', 'Infinity'));
    const labels = Object.fromEntries([...inner.matchAll(new RegExp(LABEL, 'g'))].map(([, key, of]) => [key, of]));
    const family = families.get(current);
    const suffixes = family?.type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
    assert.ok(family && suffixes.some((suffix) => name === current + suffix), `${name} belongs to ${current}`);
    assert.ok(!Number.isNaN(value) || / nan$/i.test(line), line);
    assert.ok(!seen.has(line.slice(0, line.lastIndexOf(' '))), `only once: ${line}`);
    seen.add(line.slice(0, line.lastIndexOf(' ')));
    if (family.type === 'counter') assert.ok(name.endsWith('_total') && value >= 0, line);
    family.samples.push({ name, labels, value });
  }
  for (const [name, family] of families) if (family.type === 'histogram') checkHistogram(name, family);
  return families;
}

function checkHistogram(name: string, { samples }: Family): void {
  for (const { labels, value: count } of samples.filter((sample) => sample.name === `${name}_count`)) {
    const same = Object.entries(labels);
    const buckets = samples.filter(
      (sample) => sample.name === `${name}_bucket` && same.every(([key, of]) => sample.labels[key] === of),
    );
    const bounds = buckets.map((bucket) => Number(bucket.labels.le?.replace('+Inf', 'Infinity')));
    assert.deepEqual(
      bounds,
      [...bounds].sort((a, b) => a - b),
      name,
    );
    assert.equal(bounds.at(-1), Number.POSITIVE_INFINITY, name);
    const values = buckets.map((bucket) => bucket.value);
    assert.deepEqual(
      values,
      [...values].sort((a, b) => a - b),
      name,
    );
    assert.equal(values.at(-1), count, name);
  }
}

/** The value of the one sample with these labels; undefined if there is none. */
export function sampleValue(
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const all = [...families.values()].flatMap(({ samples }) => samples).filter((sample) => sample.name === name);
  return all.find((sample) => Object.entries(labels).every(([key, of]) => sample.labels[key] === of))?.value;
}
