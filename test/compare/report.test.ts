import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Comparison } from '../../src/compare/comparison.ts';
import { renderReport } from '../../src/compare/report.ts';
import { count, figure, listing, textTable } from '../../src/compare/text-table.ts';
import { workloads } from '../../src/compare/workloads.ts';
import { drift, drifting, sample, samplesOf } from './known-samples.ts';

const comparison: Comparison = {
  samples: [sample('direct', 0, 1_000), ...samplesOf({ 'per-request': drifting(3), exclusive: drift, direct: drift })],
  workloads: { single: workloads.single },
  designs: ['per-request', 'exclusive', 'direct'],
  baseline: 'exclusive',
  rounds: 8,
  length: { time: 350, calls: undefined },
  conditions: {
    broker: 'RabbitMQ 4.3.6 at amqp://guest@localhost:5672 (found there)',
    host: 'localhost',
    queue: { name: 'fib-worker.compare.0123', type: 'classic' },
    prefetch: 7,
    version: '0.1.0',
    machine: { node: 'v20.0.0', platform: 'linux x64', cores: 2, processor: 'Abacus', load: 0.25 },
  },
  worker: { answered: 1_234, refused: 0 },
};

describe('the report', () => {
  it('has a table that reads by itself', () => {
    const [table] = renderReport(comparison).split('\n\none call at a time: ');
    assert.equal(
      table,
      [
        '               p50 ms  p90 ms  p99 ms  calls/s  ÷ exclusive      interval  calls  failed  discarded',
        '',
        'one call at a time (by p50, less is better)',
        '  per-request    13.5    13.5    13.5     75.1         3.00  2.97 to 3.03     80       0          0',
        '  exclusive      4.50    4.50    4.50      225            1             –     80       0          0',
        '  direct         4.50    4.50    4.50      225         1.00  1.00 to 1.00     80       0          0',
      ].join('\n'),
    );
  });

  it('counts every call, those for warming up apart, and says what the worker counted', () => {
    const report = renderReport(comparison);
    assert.match(
      report,
      /^ {2}measured +240 calls: 240 answered right, 0 wrong, 0 timed out, 0 failed otherwise; 0 rep/m,
    );
    assert.match(report, /^ {2}not measured +110 calls: /m); // 25 × 4, and the 10 of the warm-up's own turn
    assert.match(report, /^ {2}worker +answered 1,234, refused 0$/m);
  });

  it('says which interval it is', () => {
    assert.match(
      renderReport(comparison),
      /^ {2}interval +holds the median ratio with 95 % or more \(99\.2 %\).*from the smallest to the largest of the 8 rounds’ ratios$/m,
    );
  });

  it('says that it was cut short, and what the first failure was', () => {
    const failed = { ...sample('direct', 9, 1).measured, right: 9, errors: 1, firstFailure: 'no broker' };
    const samples = [...comparison.samples, sample('direct', 9, 1, { measured: failed })];
    const report = renderReport({ ...comparison, samples, rounds: 12, worker: undefined });
    assert.match(report, /^ {2}rounds +cut short: 8 of 12 are complete/m);
    assert.match(report, /^ {2}first failure +no broker$/m);
    assert.match(report, /^ {2}worker +did not say what it did$/m);
  });

  it('has something to print even if nothing was measured', () => {
    const report = renderReport({ ...comparison, samples: [] });
    assert.match(report, /^ {2}direct +– +– +– +– +– +– +0 +0 +0$/m);
    assert.match(report, /no complete round, so nothing to say/);
  });

  it('prints the conditions', () => {
    const conditions = renderReport(comparison).split('Conditions\n')[1];
    for (const words of ['RabbitMQ 4.3.6', 'loopback', 'TCP_NODELAY on', 'fib-worker.compare.0123, classic, durable']) {
      assert.ok(conditions?.includes(words), words);
    }
    for (const words of ['prefetch 7', 'closed', '2 bytes out, 6 back', 'v20.0.0', 'Abacus', '2, shared by client']) {
      assert.ok(conditions?.includes(words), words);
    }
  });

  it('does not call a network loopback that is none', () => {
    const remote = { ...comparison, conditions: { ...comparison.conditions, host: 'broker.example.org' } };
    assert.match(renderReport(remote), /^ {2}network +to broker\.example\.org; TCP_NODELAY on$/m);
    assert.match(renderReport(remote), /^ {2}cores +2, shared by client and worker; load/m);
  });
});

describe('the parts of a report', () => {
  it('lays out columns, headings across them, and no trailing spaces', () => {
    assert.equal(
      textTable([['', 'a'], 'a long heading', ['row', '12'], ['x', '']]),
      '      a\na long heading\nrow  12\nx\n',
    );
    assert.equal(textTable([]), '');
  });

  it('lists names with what there is to say of them', () => {
    assert.equal(
      listing([
        ['a', 'first'],
        ['bcd', 'second'],
      ]),
      '  a    first\n  bcd  second\n',
    );
  });

  it('writes figures with three digits, and counts whole', () => {
    assert.deepEqual(
      [0.1234, 1.005, 9.99, 9.996, 12.34, 99.94, 99.96, 1234.5, Number.NaN, Number.POSITIVE_INFINITY].map(figure),
      ['0.12', '1.00', '9.99', '10.0', '12.3', '99.9', '100', '1,235', '–', '–'],
    );
    assert.equal(count(1_234_567), '1,234,567');
  });
});
