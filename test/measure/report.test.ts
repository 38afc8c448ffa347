import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compose, type Measured } from '../../src/measure/compose.ts';
import { type Conditions, conditionLines } from '../../src/measure/conditions.ts';
import { renderText } from '../../src/measure/render/text.ts';
import { chooseWorkloads } from '../../src/measure/workloads/index.ts';
import { contendersOf, drift, drifting, sample, samplesOf } from '../../test-helpers/measure/known-samples.ts';

const implementations = [{ name: 'fib-worker', detail: 'fib-worker 0.1.0, RpcClient and RpcWorker' }];
const conditions: Conditions = {
  broker: 'RabbitMQ 4.3.6 at amqp://guest@localhost:5672 (found there)',
  runsOn: 'Erlang/OTP 27.3',
  host: 'localhost',
  nodes: undefined,
  rtt: undefined,
  queueType: 'classic',
  prefetch: 7,
  implementations,
  metrics: 'Prometheus at localhost:15692',
  machine: { node: 'v20.0.0', platform: 'linux x64', cores: 2, processor: 'Abacus', load: 0.25 },
};
const measured: Measured = {
  began: new Date('2026-11-21T08:00:00Z'),
  took: 12_345.6,
  cutShort: undefined,
  broker: 'RabbitMQ 4.3.6',
  implementations,
  contenders: contendersOf(),
  workloads: chooseWorkloads(['single'], {}),
  rounds: 8,
  length: { time: 350, calls: undefined },
  samples: [sample('direct', 0, 1_000), ...samplesOf({ 'per-request': drifting(3), exclusive: drift, direct: drift })],
  limits: [],
  wire: undefined,
  conditions: conditionLines(conditions),
};
const report = (changes: Partial<Measured> = {}) => renderText(compose({ ...measured, ...changes }));

describe('the report', () => {
  it('has a table that reads by itself, and sentences after it', () => {
    assert.equal(
      report().split('\nHow to read it')[0],
      [
        'RabbitMQ 4.3.6',
        '',
        'one call at a time',
        'Compared by p50 ms, less is better. One connection a turn, its set-up not measured.',
        '',
        '                          p50 ms  p90 ms  p99 ms  p99.9 ms  calls/s  ÷ exclusive      interval  ÷ floor  calls  failed  discarded',
        '  fib-worker per-request    13.5    13.5    13.5         –     75.1         3.00  2.97 to 3.03        –     80       0          0',
        '  fib-worker exclusive      4.50    4.50    4.50         –      225            –             –        –     80       0          0',
        '  fib-worker direct         4.50    4.50    4.50         –      225         1.00  1.00 to 1.00        –     80       0          0',
        '',
        'fib-worker, p50 ms: per-request beside exclusive: takes more (3.00 ×, 2.97 to 3.03); direct beside exclusive: no difference shown (1.00 ×, 1.00 to 1.00).',
        '',
      ].join('\n'),
    );
  });

  it('has what it cost the broker beside it', () => {
    const broker = {
      clients: 1,
      connections: 1,
      channels: 1,
      queues: 0,
      processes: 9,
      memory: 250_000,
      queuesDeclared: 0.5,
    };
    const samples = measured.samples.map((one) => (one.design === 'direct' ? { ...one, broker } : one));
    assert.match(
      report({ samples }),
      /\n broker, one call at a time +connections +channels +queues +processes +process MB +opened\/call +declared\/call +deleted\/call\n {2}fib-worker direct +1 +1 +0 +9 +0\.25 +– +0\.50 +–\n/,
    );
  });

  it('counts every call, those for warming up apart', () => {
    assert.match(
      report(),
      /^ {2}measured +240 calls: 240 answered right, 0 wrong, 0 timed out, 0 failed otherwise; 0 rep/m,
    );
    assert.match(report(), /^ {2}not measured +110 calls: /m); // 25 × 4, and the 10 of the warm-up's own turn
  });

  it('says which interval it is, and how many ratios would differ by chance', () => {
    assert.match(report(), /^ {2}interval +holds the median ratio with 95 % or more/m);
    assert.match(
      report(),
      /^ {2}by chance +ratios to exclusive, .*: per-request 1 of 1 \(by chance alone 0\.0\) and direct 0 of 1 \(by/m,
    );
  });

  it('says that it was cut short, and what the first failure was', () => {
    const failed = { ...sample('direct', 9, 1).measured, right: 9, errors: 1, firstFailure: 'no broker' };
    const samples = [...measured.samples, sample('direct', 9, 1, { measured: failed })];
    const text = report({ samples, rounds: 12, cutShort: 'interrupted by SIGINT' });
    assert.match(text, /^RabbitMQ 4\.3\.6 \(cut short: interrupted by SIGINT\)\n/);
    assert.match(text, /^ {2}first failure +no broker$/m);
  });

  it('has something to print even if nothing was measured', () => {
    const text = report({ samples: [] });
    assert.match(text, /^ {2}fib-worker direct +– +– +– +– +– +– +– +– +0 +0 +0$/m);
    assert.match(text, /No complete round, so nothing to say/);
  });

  it('has the wire’s costs, exact', () => {
    const cost = { roundTrips: 4, framesOut: 9, framesIn: 8, bytesOut: 1_234, bytesIn: 567 };
    const entry = { implementation: 'floor', design: 'direct', setUp: cost, call: cost, teardown: cost } as const;
    const wire = { title: 'wire cost', detail: 'counted', entries: [entry], sentences: ['direct needs 4.'] };
    const [, section = ''] = report({ wire }).split('wire cost\ncounted.\n\n');
    assert.match(
      section,
      /^ +round trips +frames out +frames in +bytes out +bytes in\n\n set-up\n {2}floor direct +4 +9 +8 +1,234 +567\n/,
    );
    assert.match(section, /\n\ndirect needs 4\.\n/);
  });

  it('prints the conditions', () => {
    const text = report().split('Conditions\n')[1] ?? '';
    for (const words of [
      'RabbitMQ 4.3.6 at amqp://guest@',
      'loopback',
      'TCP_NODELAY on',
      'classic, durable',
      'prefetch 7',
      '2 bytes out, 6 back',
      'RpcClient and RpcWorker',
      'Prometheus at localhost:15692',
      'v20.0.0',
      'Abacus',
      '2, shared by clients and workers and, on this machine, the broker',
    ]) {
      assert.ok(text.includes(words), words);
    }
  });

  it('does not call a network loopback that is none, and says what delays it', () => {
    const lines = (changes: Partial<Conditions>) => Object.fromEntries(conditionLines({ ...conditions, ...changes }));
    const remote = lines({ host: 'broker.example.org' });
    assert.equal(remote.network, 'to broker.example.org; TCP_NODELAY on');
    assert.match(remote.cores ?? '', /^2, shared by clients and workers; load/);
    assert.match(
      lines({ rtt: { asked: 20, given: { chunks: 9, median: 20.7, p99: 23.5 } } }).network ?? '',
      /^a proxy on this machine adds 20 ms to every round trip of the clients: by its own account 20\.7 ms \(median\), 23\.5/,
    );
    assert.match(
      Object.fromEntries(conditionLines({ ...conditions, metrics: undefined })).metrics ?? '',
      /^not available/,
    );
  });
});

describe('the choice of workloads', () => {
  it('is all of them but the open loop, unless it has rates or is asked for', () => {
    const all = ['single', 'sweep', 'churn', 'clients', 'burst', 'payload'];
    assert.deepEqual(Object.keys(chooseWorkloads(undefined, {})), all);
    assert.deepEqual(Object.keys(chooseWorkloads(undefined, { open: [100] })), [...all, 'open']);
    assert.deepEqual(Object.keys(chooseWorkloads(['open', 'wire'], {})), ['open']);
    assert.deepEqual(Object.keys(chooseWorkloads(['wire'], { open: [100] })), []);
  });

  it('takes levels in ascending order, each once', () => {
    assert.deepEqual(chooseWorkloads(['clients'], { clients: [100, 5, 100] }).clients?.levels, [5, 100]);
  });
});
