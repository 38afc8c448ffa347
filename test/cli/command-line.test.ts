import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseCommandLine } from '../../src/cli/command-line.ts';
import type { OptionTable, Program } from '../../src/cli/option.ts';
import { UsageError } from '../../src/cli/option.ts';
import { duration, integer, list, oneOf, text } from '../../src/cli/value-parsers.ts';

const options = {
  url: {
    type: 'string',
    flag: 'url',
    env: 'AMQP_URL',
    multiple: true,
    secret: true,
    placeholder: 'URL',
    help: 'the broker, or several nodes of one cluster',
    parse: list((url) => {
      if (!url.startsWith('amqp://')) throw new Error('a URL that begins with amqp://');
      return url;
    }),
  },
  queue: {
    type: 'string',
    flag: 'queue',
    short: 'q',
    env: 'RPC_QUEUE',
    default: 'rpc_queue',
    placeholder: 'NAME',
    help: 'the request queue',
    parse: text,
  },
  prefetch: {
    type: 'string',
    flag: 'prefetch',
    env: 'PREFETCH',
    default: '1',
    placeholder: 'N',
    help: 'how many requests a worker takes at once',
    parse: integer({ min: 1, max: 65_535 }),
  },
  timeout: {
    type: 'string',
    flag: 'timeout',
    short: 't',
    env: 'RPC_TIMEOUT',
    default: '10s',
    placeholder: 'DURATION',
    help: 'how long to wait for the answer, connecting and retries and everything else that takes time included',
    parse: duration,
  },
  reply: {
    type: 'string',
    flag: 'reply',
    placeholder: 'DESIGN',
    help: 'direct, exclusive or per-request',
    parse: oneOf(['direct', 'exclusive', 'per-request']),
  },
  durable: { type: 'boolean', flag: 'durable', env: 'DURABLE', default: true, help: 'declare a transient queue' },
  json: { type: 'boolean', flag: 'json', short: 'j', env: 'JSON', help: 'print JSON' },
} satisfies OptionTable;

const program = {
  name: 'fib-client',
  version: '1.2.3',
  usage: 'node dist/client.js [options] [n …]',
  summary: 'Asks for Fibonacci numbers.',
  options,
  positionals: true,
} satisfies Program<typeof options>;

function run(argv: string[], env: Record<string, string> = {}) {
  const line = parseCommandLine(program, argv, env);
  assert.equal(line.kind, 'run');
  return line;
}

function fails(
  argv: string[],
  message: string | RegExp,
  env: Record<string, string> = {},
  of: Program<typeof options> = program,
): void {
  assert.throws(
    () => parseCommandLine(of, argv, env),
    (error: unknown) => {
      assert.ok(error instanceof UsageError);
      assert.doesNotMatch(error.message, /\n/);
      assert.doesNotMatch(error.message, /hunter2/);
      if (typeof message === 'string') assert.equal(error.message, message);
      else assert.match(error.message, message);
      return true;
    },
  );
}

describe('the values of options', () => {
  it('are the defaults where nothing is given, typed', () => {
    const { values, positionals } = run([]);
    // Each annotation fails to compile if the table's types are lost.
    const url: string[] | undefined = values.url;
    const queue: string = values.queue;
    const prefetch: number = values.prefetch;
    const timeout: number = values.timeout;
    const reply: 'direct' | 'exclusive' | 'per-request' | undefined = values.reply;
    const durable: boolean = values.durable;
    assert.deepEqual(
      [url, queue, prefetch, timeout, reply, durable],
      [undefined, 'rpc_queue', 1, 10_000, undefined, true],
    );
    assert.equal(values.json, false);
    assert.deepEqual(positionals, []);
  });

  it('come from flags, long or short, in any order among the positionals', () => {
    const { values, positionals } = run(['30', '-q', 'work', '--prefetch=5', '-jt2m', '31', '--reply', 'direct']);
    assert.deepEqual([values.queue, values.prefetch, values.json, values.timeout], ['work', 5, true, 120_000]);
    assert.equal(values.reply, 'direct');
    assert.deepEqual(positionals, ['30', '31']);
  });

  it('come from the environment, and the flag wins, even over a variable that is wrong', () => {
    const env = { PREFETCH: '7', RPC_TIMEOUT: 'nonsense', JSON: 'yes', DURABLE: '0' };
    const { values } = run(['--timeout', '1s', '--no-json'], env);
    assert.deepEqual([values.prefetch, values.timeout, values.json, values.durable], [7, 1000, false, false]);
  });

  it('are not taken from a variable that is set but empty', () => {
    const { values } = run([], { PREFETCH: '', DURABLE: '', AMQP_URL: '' });
    assert.deepEqual([values.prefetch, values.durable, values.url], [1, true, undefined]);
  });

  it('are the last one of several, or all of them where the option may be repeated', () => {
    const { values } = run(['--queue=a', '--queue=b', '--url', 'amqp://a, amqp://b', '--url=amqp://c']);
    assert.equal(values.queue, 'b');
    assert.deepEqual(values.url, ['amqp://a', 'amqp://b', 'amqp://c']);
    assert.deepEqual(run([], { AMQP_URL: 'amqp://a,amqp://b' }).values.url, ['amqp://a', 'amqp://b']);
  });

  it('of a switch are off with --no-, and the last counts', () => {
    assert.equal(run(['--no-durable']).values.durable, false);
    assert.equal(run(['--no-durable', '--durable'], { DURABLE: 'false' }).values.durable, true);
  });

  it('may begin with a dash when they are numbers, or are written after =', () => {
    fails(['--prefetch', '-1'], '--prefetch "-1": expected a whole number from 1 up to 65535');
    assert.equal(run(['--queue=-odd-']).values.queue, '-odd-');
    assert.equal(run(['--queue', '-']).values.queue, '-');
  });
});

describe('positionals', () => {
  it('may be -, negative numbers, and anything after --', () => {
    assert.deepEqual(run(['-']).positionals, ['-']);
    assert.deepEqual(run(['-1', '-15', '-1.5', '-.5', '-1e3', '-1q', '30']).positionals, [
      ...['-1', '-15', '-1.5', '-.5', '-1e3', '-1q', '30'],
    ]);
    assert.deepEqual(run(['--', '--json', '-1']).positionals, ['--json', '-1']);
    assert.deepEqual(run(['']).positionals, ['']);
  });

  it('are an error for a program that takes none, and no password in them is shown', () => {
    const none = { ...program, positionals: false };
    fails(['30'], 'unexpected argument "30"; --help lists what there is', {}, none);
    fails(['amqp://me:hunter2@host'], /unexpected argument "amqp:\/\/me:\*\*\*"/, {}, none);
  });
});

describe('a wrong command line is answered with one line that', () => {
  it('names the option as it was given, the value, and what is expected', () => {
    fails(['--prefetch', 'x'], '--prefetch "x": expected a whole number from 1 up to 65535');
    fails(['-t', '30'], '-t "30": expected a time such as 500ms, 10s or 2m: is it 30s or 30ms?');
    fails([], 'PREFETCH "0": expected a whole number from 1 up to 65535', { PREFETCH: '0' });
    fails([], 'JSON "maybe": expected true or false', { JSON: 'maybe' });
    fails(['--reply=queue'], '--reply "queue": expected one of direct, exclusive, per-request');
    fails(['--queue='], '--queue "": expected some text');
  });

  it('shows a hostile value escaped and cut', () => {
    fails(['--prefetch', `1\n\u001b[31m\u009b\u202e`], /^--prefetch "1\\n\\u001b\[31m\\u009b\\u202e": expected/);
    fails(['--prefetch', '1'.repeat(1000)], /^--prefetch "1{60}"?…: expected/);
  });

  it('does not show the value of a secret option, nor a password in any other', () => {
    fails(['--url', 'http://me:hunter2@host'], '--url (value not shown): expected a URL that begins with amqp://');
    fails([], 'AMQP_URL (value not shown): expected a URL that begins with amqp://', { AMQP_URL: 'hunter2' });
    fails(['--prefetch', 'amqp://me:hunter2@host'], /^--prefetch "amqp:\/\/me:\*\*\*": /);
    fails(['--prefetch', `amqp://me:hunter2${'x'.repeat(100)}@host`], /\*\*\*/);
    fails(['amqps://a', '--amqp://me:hunter2@host'], /^unknown option --amqp:\/\/me:\*\*\*;/);
    fails(['--pasword=hunter2'], /^unknown option --pasword;/);
  });

  it('says that an option is unknown, and which is near', () => {
    fails(['--prefech', '5'], 'unknown option --prefech; did you mean --prefetch? --help lists what there is');
    fails(['--no-durabel'], /did you mean --no-durable\?/);
    fails(['--versoin'], /did you mean --version\?/);
    fails(['--colour'], 'unknown option --colour; --help lists what there is');
    fails(['-x'], 'unknown option -x; --help lists what there is');
    fails(['--no-queue'], /^unknown option --no-queue;/);
  });

  it('says that a value is missing, at the end or before another option', () => {
    fails(['--timeout'], '--timeout needs a value: --timeout DURATION');
    fails(['-t'], '-t needs a value: -t DURATION');
    fails(['--queue', '--json'], '--queue needs a value: --queue NAME (--queue=… if it begins with a dash)');
  });

  it('says that a switch takes no value', () => {
    fails(['--json=yes'], '--json takes no value: --json or --no-json');
    fails(['--no-durable=1'], '--no-durable takes no value: --durable or --no-durable');
  });
});

describe('--help', () => {
  it('lists every option, aligned, with its variable and default, and nothing wrong beside it matters', () => {
    const line = parseCommandLine({ ...program, epilogue: 'Exit codes: 0, 2.' }, ['--nonsense', '-h'], {
      PREFETCH: 'x',
    });
    assert.equal(line.kind, 'print');
    assert.equal(
      line.text,
      `Usage: node dist/client.js [options] [n …]

Asks for Fibonacci numbers.

Options:
      --url URL           the broker, or several nodes of one cluster (may be repeated, env
                          AMQP_URL)
  -q, --queue NAME        the request queue (env RPC_QUEUE, default rpc_queue)
      --prefetch N        how many requests a worker takes at once (env PREFETCH, default 1)
  -t, --timeout DURATION  how long to wait for the answer, connecting and retries and everything
                          else that takes time included (env RPC_TIMEOUT, default 10s)
      --reply DESIGN      direct, exclusive or per-request
      --no-durable        declare a transient queue (env DURABLE=false)
  -j, --json              print JSON (env JSON=true)
  -h, --help              print this and exit
      --version           print the version and exit

Exit codes: 0, 2.
`,
    );
  });

  it('is not meant where it is the value of another option', () => {
    fails(['--queue', '--help'], /^--queue needs a value/);
  });
});

describe('--version', () => {
  it('prints the name and the version', () => {
    assert.deepEqual(parseCommandLine(program, ['--version'], {}), { kind: 'print', text: 'fib-client 1.2.3\n' });
  });
});
