import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ComparisonDocument, Entry, Ratio } from '../../src/measure/document.ts';
import { renderDiff } from '../../src/measure/render/diff.ts';
import { completeDocument, sampleDocument } from '../../test-helpers/measure/sample-document.ts';

const ratio = (median: number, low: number, high: number): Ratio => ({
  median,
  interval: { low, high, coverage: 0.96 },
  rounds: [low, median, high],
});

/** The complete document, with `direct` as its one entry, changed. */
function withEntry(change: Partial<Entry>, more: Partial<ComparisonDocument> = {}): ComparisonDocument {
  const [workload] = completeDocument.workloads;
  const [level] = workload?.levels ?? [];
  const [entry] = level?.entries ?? [];
  assert.ok(workload && level && entry);
  const { cutShort: _, ...document } = completeDocument;
  return {
    ...document,
    workloads: [{ ...workload, levels: [{ ...level, entries: [{ ...entry, ...change }] }] }],
    ...more,
  };
}

const partOf = (diff: string, title: string) => diff.split(`\n${title}\n`)[1]?.split('\n\n')[0];
const ms = (median: number) => ({ p50: { median, rounds: [median] } });

describe('two comparisons side by side', () => {
  it('have a table that reads by itself', () => {
    const a = withEntry({ figures: ms(0.5), toBaseline: ratio(1.1, 0.9, 1.2) }, { broker: 'RabbitMQ 4.0.5' });
    const b = withEntry({ figures: ms(0.4), toBaseline: ratio(1.2, 1.1, 1.3) }, { broker: 'RabbitMQ 4.3.6' });
    assert.equal(
      renderDiff(a, b).split('\n\nwhat goes')[0],
      [
        'a  RabbitMQ 4.0.5, measured 2026-11-21 08:00 UTC',
        'b  RabbitMQ 4.3.6, measured 2026-11-21 08:00 UTC',
        '',
        'one call at a time (p50 ms, less is better)',
        '',
        '                     p50 ms a     b  b ÷ a  ÷ exclusive a      interval  ÷ exclusive b      interval',
        '  fib-worker direct      0.50  0.40   0.80           1.10  0.90 to 1.20           1.20  1.10 to 1.30',
      ].join('\n'),
    );
    assert.match(renderDiff(a, b), /the runs are not paired, so there is no interval for it/);
  });

  it('say where one finds better what the other finds worse', () => {
    const diff = renderDiff(
      withEntry({ toBaseline: ratio(0.8, 0.7, 0.9) }),
      withEntry({ toBaseline: ratio(1.2, 1.1, 1.3) }),
    );
    assert.equal(
      partOf(diff, 'Where a and b disagree'),
      '  one call at a time, fib-worker direct beside exclusive: opposite winners: better in a (0.80 ×, 0.70 to 0.90), worse in b (1.20 ×, 1.10 to 1.30)',
    );
  });

  it('tell apart from that where only one shows a difference, and make nothing of too few rounds', () => {
    const clear = withEntry({ toBaseline: ratio(0.8, 0.7, 0.9) });
    const unclear = withEntry({ toBaseline: ratio(0.9, 0.8, 1.1) });
    const untold = withEntry({ toBaseline: { median: 1.3, rounds: [1.3] } });
    assert.match(
      partOf(renderDiff(clear, unclear), 'Where a and b disagree') ?? '',
      /a difference is shown in one only: better in a \(.*\), no difference shown in b \(.*\)$/,
    );
    assert.equal(partOf(renderDiff(clear, untold), 'Where a and b disagree'), '  nothing');
    assert.equal(partOf(renderDiff(clear, clear), 'Where a and b disagree'), '  nothing');
  });

  it('have nothing to say where they are the same', () => {
    const diff = renderDiff(sampleDocument, sampleDocument);
    for (const title of ['Where a and b disagree', 'Only in one of them', 'What else differs']) {
      assert.equal(partOf(diff, title), '  nothing');
    }
    for (const { title } of sampleDocument.workloads) assert.ok(diff.includes(`\n${title} (`), title);
    assert.doesNotMatch(diff, /NaN|undefined/);
  });

  it('say once what only one of them has', () => {
    const [single, sweep, ...others] = sampleDocument.workloads;
    assert.ok(single && sweep && others.length > 0);
    const withoutFloor = <T extends { implementation: string }>(entries: readonly T[]) =>
      entries.filter(({ implementation }) => implementation !== 'floor');
    const b: ComparisonDocument = {
      ...sampleDocument,
      workloads: [
        { ...single, name: 'other', title: 'something else' },
        { ...sweep, levels: sweep.levels.slice(1) },
        ...others,
      ].map((workload) => ({
        ...workload,
        levels: workload.levels.map((level) => ({ ...level, entries: withoutFloor(level.entries) })),
      })),
      wire: {
        title: 'what goes over the wire',
        detail: '',
        sentences: [],
        entries: withoutFloor(sampleDocument.wire?.entries ?? []),
      },
    };
    assert.deepEqual(partOf(renderDiff(sampleDocument, b), 'Only in one of them')?.split('\n'), [
      '  only in a: floor per-request',
      '  only in a: floor exclusive',
      '  only in a: floor direct',
      '  only in a: one call at a time',
      '  only in a: calls in flight, 1 in flight',
      '  only in b: something else',
    ]);
  });

  it('list the conditions that differ, and not those that are equal', () => {
    const diff = renderDiff(
      withEntry(
        {},
        {
          conditions: [
            ['broker', '4.0.5'],
            ['cores', '2'],
            ['network', 'loopback'],
          ],
        },
      ),
      withEntry(
        {},
        {
          conditions: [
            ['broker', '4.3.6'],
            ['cores', '2'],
          ],
        },
      ),
    );
    assert.deepEqual(partOf(diff, 'What else differs')?.split('\n'), [
      '  broker',
      '    a  4.0.5',
      '    b  4.3.6',
      '  network',
      '    a  loopback',
      '    b  not said',
    ]);
  });

  it('say what differs on the wire', () => {
    const { wire } = completeDocument;
    const [entry] = wire.entries;
    assert.ok(entry);
    const b = { ...wire, entries: [{ ...entry, call: { ...entry.call, roundTrips: 5, bytesIn: 1_180 } }] };
    assert.equal(
      partOf(renderDiff(completeDocument, { ...completeDocument, wire: b }), 'what goes over the wire: what differs'),
      '  fib-worker direct, a call: round trips 1 in a, 5 in b; bytes in 180 in a, 1,180 in b',
    );
  });

  it('are not set side by side where they compare with another design', () => {
    const diff = renderDiff(completeDocument, { ...completeDocument, baseline: 'per-request' });
    assert.match(diff, /÷ exclusive a .*÷ per-request b/);
    assert.match(partOf(diff, 'Where a and b disagree') ?? '', /a compares with exclusive and b with per-request/);
  });
});
