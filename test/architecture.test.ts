// The architecture of src: imports run one way, as docs/architecture.md draws it. Any layer may import what lies below it.
import '../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';

/** The emitter of both ends. */
const common = ['events.ts'];

/** Each layer below src, by its first path segment, and the layers that it may import besides itself. */
const layers: Record<string, readonly string[]> = {
  ...Object.fromEntries(common.map((file) => [file, ['protocol']])),
  protocol: [],
  amqp: ['protocol'],
  client: [...common, 'amqp', 'protocol'],
  worker: [...common, 'amqp', 'protocol'],
  cli: [...common, 'amqp', 'protocol', 'client', 'worker'],
  function: ['amqp', 'protocol', 'client', 'worker', 'cli'],
  'fibonacci.ts': ['function'],
  rabbitmq: ['amqp', 'protocol'],
  measure: [...common, 'amqp', 'protocol', 'client', 'worker', 'fibonacci.ts', 'rabbitmq'],
  'index.ts': [...common, 'amqp', 'protocol', 'client', 'worker', 'function'],
  'testing.ts': ['amqp', 'protocol', 'function', 'rabbitmq'],
  'opentelemetry.ts': ['protocol', 'client', 'worker'],
  programs: [
    ...common,
    'amqp',
    'protocol',
    'client',
    'worker',
    'cli',
    'function',
    'fibonacci.ts',
    'rabbitmq',
    'measure',
    'opentelemetry.ts',
  ],
};

/** The places that may import rabbitmq-client: at the AMQP boundary, and where it is measured as a peer. */
const boundary = /^src\/(amqp\/|measure\/.*rabbitmq-client\.ts$)|^test\/amqp\//;

interface Import {
  readonly from: string;
  readonly to: string;
}

const files = ['src', 'test', 'test-helpers', 'tiers'].flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((file) => `${folder}/${file.replaceAll(path.sep, '/')}`)
    .filter((file) => file.endsWith('.ts')),
);

const imports: Import[] = files.flatMap((file) => {
  const source = readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  const found = source.matchAll(
    /^\s*(?:import|export)\s+(?:type\s)?(?:[\w*{][^;'"`()]*?from\s*)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm,
  );
  return [...found].map(([, name, dynamic]) => {
    const target = name ?? dynamic ?? '';
    return { from: file, to: target.startsWith('.') ? path.posix.join(path.posix.dirname(file), target) : target };
  });
});

const layerOf = (file: string) => file.split('/')[1] ?? '';
const shown = (found: readonly Import[]) => found.map(({ from, to }) => `${from} imports ${to}`);

describe('the architecture of src', () => {
  const own = imports.filter(({ from, to }) => from.startsWith('src/') && to.startsWith('src/'));

  test('has the known layers', () => {
    const unknown = files.filter((file) => file.startsWith('src/') && !(layerOf(file) in layers));
    assert.deepEqual(unknown, []);
    assert.ok(own.length > 100, 'imports are found at all');
  });

  test('imports one way', () => {
    const wrong = own.filter(({ from, to }) => {
      const [layer, target] = [layerOf(from), layerOf(to)];
      return layer !== target && !layers[layer]?.includes(target);
    });
    assert.deepEqual(shown(wrong), []);
  });

  test('imports rabbitmq-client at its AMQP boundary alone', () => {
    const wrong = imports.filter(({ from, to }) => /^rabbitmq-client(\/|$)/.test(to) && !boundary.test(from));
    assert.deepEqual(shown(wrong), []);
  });
});
