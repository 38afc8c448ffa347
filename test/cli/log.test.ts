import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { describe, it } from 'node:test';
import { createLog, defaultLogFormat, type LogFormat, lineWriter } from '../../src/cli/log.ts';

const now = () => new Date('2026-01-02T03:04:05.678Z');

function logTo(format: LogFormat) {
  const lines: string[] = [];
  const log = createLog({ format, write: (line) => lines.push(line) > 0, now });
  return { log, lines };
}

function parsed(lines: readonly string[]): Record<string, unknown> {
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', /^[^\n]*\n$/);
  return JSON.parse(lines[0] ?? '');
}

describe('a log in the text format', () => {
  it("prints the tutorial's lines, and nothing else", () => {
    const { log, lines } = logTo('text');
    log.info('consuming', { queue: 'rpc_queue' }, ' [x] Awaiting RPC requests');
    log.info('answered', { ms: 3 });
    log.warn('request', { n: 30 }, ' [.] fib(30)');
    assert.deepEqual(lines, [' [x] Awaiting RPC requests\n', ' [.] fib(30)\n']);
  });

  it('has the ids of its request behind a line, bounded and escaped like the rest', () => {
    const { log, lines } = logTo('text');
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    log.warn('refused', { correlationId: 'abc', traceparent }, 'no');
    log.warn('refused', { correlationId: `\n\u001b amqp://me:hunter2@a ${'x'.repeat(5_000)}` }, 'no');
    log.warn('refused', { correlationId: undefined, traceparent: 7 }, 'no');
    assert.deepEqual([lines[0], lines[2]], [`no (abc, ${traceparent})\n`, 'no\n']);
    assert.match(lines[1] ?? '', /^no \(\\n\\u001b amqp:\/\/me:\*{3}@a x{150,255}…\)\n$/);
  });

  it('keeps every record on one line and no control character in it', () => {
    const { log, lines } = logTo('text');
    log.error('refused', {}, 'got 1\n [.] fib(2)\r\t\0\u001b[31m\u007f\u009b\u2028\u202e');
    assert.deepEqual(lines, ['got 1\\n [.] fib(2)\\r\\t\\u0000\\u001b[31m\\u007f\\u009b\\u2028\\u202e\n']);
  });
});

describe('a log in the JSON format', () => {
  it('prints one record a line', () => {
    const { log, lines } = logTo('json');
    log.info('consuming', { queue: 'rpc_queue', prefetch: 1 }, ' [x] Awaiting RPC requests');
    assert.equal(
      lines[0],
      '{"time":"2026-01-02T03:04:05.678Z","level":"info","event":"consuming","queue":"rpc_queue","prefetch":1,"message":"Awaiting RPC requests"}\n',
    );
  });

  it('keeps every record on one line and no control character in it, and the values as they were', () => {
    const { log, lines } = logTo('json');
    const odd = 'a\n{"level":"error"}\u001b\u007f\u009b\u2028\u202e"\\';
    log.info(odd, { [odd]: odd }, odd);
    assert.doesNotMatch(lines[0]?.trimEnd() ?? '', /[\p{Cc}\p{Zl}\p{Bidi_Control}]/u);
    const record = parsed(lines);
    assert.deepEqual([record.event, record[odd], record.message], [odd, odd, odd]);
  });

  it('says which program it is of, and in its message nothing that the fields say', () => {
    const lines: string[] = [];
    const program = { service: 'prices', version: '1.2.3', instance: 'pod-1:1' };
    const log = createLog({ format: 'json', program, now, write: (line) => lines.push(line) > 0 });
    log.info('connected', { url: 'amqp://host', service: 'forged' }, ' [x] Connected to amqp://host', 'Connected');
    const expected = { time: now().toISOString(), level: 'info', event: 'connected', url: 'amqp://host', ...program };
    assert.deepEqual(parsed(lines), { ...expected, message: 'Connected' });
  });

  it("lets no field replace one of the record's own", () => {
    const { log, lines } = logTo('json');
    log.warn('real', { event: 'forged', level: 'info', time: 0, message: 'forged', n: 1 }, 'real');
    const record = parsed(lines);
    const expected = { time: now().toISOString(), level: 'warn', event: 'real', message: 'real', n: 1 };
    assert.deepEqual(record, expected);
  });

  it('prints errors with their message, stack, code and causes', () => {
    const { log, lines } = logTo('json');
    const cause = Object.assign(new TypeError('beneath'), { code: 'ECONNREFUSED' });
    const error = new Error('above', { cause });
    log.error('failed', { error, several: new AggregateError([cause], '') }, 'failed');
    const record = JSON.parse(lines[0] ?? '');
    assert.equal(record.error.name, 'Error');
    assert.equal(record.error.message, 'above');
    assert.match(record.error.stack, /^ {4}at /, 'name and message are not told twice');
    assert.deepEqual([record.error.cause.message, record.error.cause.code], ['beneath', 'ECONNREFUSED']);
    assert.equal(record.several.errors[0].message, 'beneath');
  });

  it('prints cycles, big integers, bytes and dates', () => {
    const { log, lines } = logTo('json');
    const cyclic: Record<string, unknown> = { twice: [now(), now()] };
    cyclic.self = { cyclic };
    const error: Error & { cause?: unknown } = new Error('own cause');
    error.cause = error;
    const shared = { n: 1 };
    log.info('odd', { cyclic, error, big: 2n ** 70n, body: Buffer.alloc(9), shared: [shared, shared] }, 'odd');
    const record = JSON.parse(lines[0] ?? '');
    assert.deepEqual(record.cyclic, {
      twice: [now().toISOString(), now().toISOString()],
      self: { cyclic: '[circular]' },
    });
    assert.equal(record.error.cause, '[circular]');
    assert.deepEqual([record.big, record.body], ['1180591620717411303424', '<9 bytes>']);
    assert.deepEqual(record.shared, [shared, shared]);
  });

  it('says so when fields cannot be written', () => {
    const { log, lines } = logTo('json');
    const trap = {
      get n(): number {
        throw new Error('a trap');
      },
    };
    log.info('odd', { trap }, 'text');
    const { event, unloggable, message } = parsed(lines);
    assert.deepEqual([event, unloggable, message], ['odd', 'a trap', 'text']);
  });

  it('has the queue and the ids of its request, and the text of an error, even if the error holds too much', () => {
    const ids = { queue: 'q', correlationId: 'c', traceparent: 't' };
    const long = Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`key${n}`, 'x'.repeat(2_000)]));
    const trap = Object.defineProperty(new Error('of the function'), 'n', {
      enumerable: true,
      get: () => {
        throw new Error('a trap');
      },
    });
    const errors = [Object.assign(new Error('of the function'), long), trap];
    for (const error of errors) {
      const { log, lines } = logTo('json');
      log.error('handler-failed', { error, ...ids }, 'failed');
      const record = parsed(lines);
      const { name, message, stack } = record.error as Error;
      assert.deepEqual([name, message, stack?.startsWith('    at ')], ['Error', 'of the function', true]);
      assert.deepEqual(ids, {
        queue: record.queue,
        correlationId: record.correlationId,
        traceparent: record.traceparent,
      });
    }
    const { log, lines } = logTo('json');
    log.error(
      'handler-failed',
      {
        error: {
          trap: {
            nested: trap,
            get n() {
              throw new Error('a trap');
            },
          },
        },
        ...ids,
      },
      'failed',
    );
    const { correlationId, unloggable } = parsed(lines);
    assert.deepEqual([correlationId, unloggable], ['c', 'a trap']);
  });
});

describe('the level of a log', () => {
  it('leaves out what is less', () => {
    for (const format of ['text', 'json'] as const) {
      const lines: string[] = [];
      const log = createLog({ format, level: 'warn', write: (line) => lines.push(line) > 0 });
      log.info('one', {}, 'less');
      log.warn('two', {}, 'as much');
      log.error('three', {}, 'more');
      assert.deepEqual(
        lines.map((line) => /less|as much|more/.exec(line)?.[0]),
        ['as much', 'more'],
      );
    }
  });
});

describe('a line of a log is short', () => {
  const long = `begin${'\u009b'.repeat(5_000_000)}`;
  const several = new AggregateError(
    Array.from({ length: 100_000 }, (_, n) => new Error(`${n} ${long}`)),
    long,
  );
  const deep: Record<string, unknown> = {};
  for (let level = 0, inner = deep; level < 10_000; level++) {
    inner.next = { text: long };
    inner = inner.next as Record<string, unknown>;
  }
  const fifty = (item: unknown): unknown[] => Array(50).fill(item);
  const fields: Readonly<Record<string, unknown>> = {
    text: long,
    numbers: fifty(fifty(fifty(123_456))),
    nothings: fifty(fifty(fifty(''))),
    nested: { list: [long, { text: long }] },
    error: new Error(long, { cause: new Error(long) }),
    several,
    list: Array.from({ length: 1_000_000 }, () => long),
    keys: Object.fromEntries(Array.from({ length: 100_000 }, (_, n) => [`${n}${'k'.repeat(100)}`, n])),
    name: { [long]: 1 },
    deep,
    dates: Array.from({ length: 100_000 }, now),
  };
  for (const format of ['text', 'json'] as const) {
    it(`any text (${format})`, () => {
      const { log, lines } = logTo(format);
      log.error('failed', {}, long);
      assert.match(lines[0] ?? '', /begin/);
      assert.ok((lines[0]?.length ?? 0) < 50_000, `${lines[0]?.length} characters`);
    });
  }
  for (const [name, value] of Object.entries(fields)) {
    it(`any field: ${name}`, () => {
      const { log, lines } = logTo('json');
      log.error('failed', { before: 1, [name]: value }, 'failed');
      const record = parsed(lines);
      assert.deepEqual([record.before, record.message], [1, 'failed']);
      assert.ok(name in record);
      assert.ok((lines[0]?.length ?? 0) < 150_000, `${lines[0]?.length} characters`);
    });
  }

  it('and shows what comes first of a list of errors, and how many there are', () => {
    const { log, lines } = logTo('json');
    const errors = Array.from({ length: 100_000 }, (_, n) => new Error(`error ${n}`));
    log.error('failed', { error: new AggregateError(errors, 'all failed') }, 'failed');
    const { error } = JSON.parse(lines[0] ?? '') as {
      error: { message: string; errors: ({ message: string } | string)[] };
    };
    assert.deepEqual([error.message, (error.errors[0] as { message: string }).message], ['all failed', 'error 0']);
    assert.equal(error.errors.at(-1), '… 99950 more');
  });
});

describe('a log never shows the password of a URL', () => {
  const cases = [
    ['amqp://me:hunter2@host:5672/vhost', 'amqp://me:***@host:5672/vhost'],
    ['to amqps://me:hunter2@a,AMQP://you:hunter2@b failed', 'to amqps://me:***@a,AMQP://you:***@b failed'],
    ['amqp://localhost,amqp://me:hunter2@b', 'amqp://localhost,amqp://me:***@b'],
    ['"amqp://me:hun"t/e@r:hunter2@host"', '"amqp://me:***@host"'],
    ['amqp://:hunter2@host', 'amqp://:***@host'],
    ['http://me:hunter2@host/api', 'http://me:***@host/api'],
    ['amqp://me@host and amqp://host:5672', 'amqp://me@host and amqp://host:5672'],
  ] as const;
  for (const format of ['text', 'json'] as const) {
    it(`in the ${format} format`, () => {
      for (const [given, shown] of cases) {
        const { log, lines } = logTo(format);
        const error = new Error(given);
        log.error('failed', { deep: [{ given }], error }, given);
        assert.doesNotMatch(lines[0] ?? '', /hunter2/);
        if (format === 'text') assert.equal(lines[0], `${shown}\n`);
        else assert.deepEqual([parsed(lines).message, parsed(lines).deep], [shown, [{ given: shown }]]);
        // nor where it is cut in two
        for (const length of [1_990, 1_995, 4_985, 4_990]) {
          const { log, lines } = logTo(format);
          const cut = `${' '.repeat(length)}${given}${'x'.repeat(6_000)}`;
          log.error('failed', { cut }, cut);
          assert.doesNotMatch(lines[0] ?? '', /hunt|nter2/);
        }
      }
    });
  }

  it('in no time, however long the line', () => {
    const { log } = logTo('text');
    const before = process.cpuUsage(); // not the time that others take on a busy machine
    for (const part of ['amqp://', 'a', 'amqp://a:', ':', '@', 'amqp://a:b@'])
      log.warn('long', {}, part.repeat(100_000));
    assert.ok(process.cpuUsage(before).user < 2_000_000);
  });
});

describe('a log whose reader is gone', () => {
  it('throws nothing, neither at once nor later', async () => {
    const broken = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })),
    });
    const log = createLog({ format: 'json', write: lineWriter(broken) });
    log.info('one', {}, 'one');
    await new Promise((resolve) => setImmediate(resolve));
    log.info('two', {}, 'two');
    await new Promise((resolve) => setImmediate(resolve));
    const throwing = createLog({
      format: 'text',
      write: () => {
        throw new Error('EPIPE');
      },
    });
    throwing.info('three', {}, 'three');
  });
});

describe('a log whose reader stands still', () => {
  for (const format of ['text', 'json'] as const) {
    it(`leaves lines out rather than keep them, and says how many once they are read (${format})`, async () => {
      const read: string[] = [];
      let goOn = () => {};
      const still = new Writable({
        decodeStrings: false,
        write: (line: string, _encoding, done) => {
          read.push(line);
          goOn = done;
        },
      });
      const log = createLog({ format, write: lineWriter(still), now });
      const text = 'x'.repeat(1_000);
      for (let n = 0; n < 10_000; n++) log.warn('refused', {}, `${n} ${text}`);
      assert.ok(still.writableLength < 1.2 * 1024 * 1024, `${still.writableLength} bytes are kept`);
      while (still.writableLength > 0) {
        goOn();
        await new Promise((resolve) => setImmediate(resolve));
      }
      const kept = read.length;
      log.warn('refused', {}, 'at last');
      while (still.writableLength > 0) {
        goOn();
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.match(read[kept] ?? '', new RegExp(`"count":${10_000 - kept}|… ${10_000 - kept} lines that nobody read`));
      assert.match(read[kept + 1] ?? '', /at last/);
    });
  }
});

describe('the format of a log', () => {
  it('is text on a terminal and JSON elsewhere', () => {
    assert.equal(defaultLogFormat({ isTTY: true }), 'text');
    assert.equal(defaultLogFormat({ isTTY: false }), 'json');
    assert.equal(defaultLogFormat({}), 'json');
  });
});
