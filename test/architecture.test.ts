import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';

/** What each layer may import, by its first path segment below src, or bench. `types` are layers it may take types from. */
const layers: Record<string, { imports: string[]; types?: string[]; packages?: string[] }> = {
  bin: {
    imports: ['function', 'rpc', 'threads', 'compare', 'broker', 'ops', 'cli', 'bench'],
    packages: ['fib-worker/function'],
  },
  // as anybody's function: it knows nothing else of this project
  'fibonacci.ts': { imports: [], packages: ['fib-worker'] },
  function: {
    imports: ['function', 'rpc/errors.ts', 'rpc/option-checks.ts', 'cli/value-parsers.ts'],
    types: ['rpc', 'cli'],
  },
  rpc: { imports: ['rpc'], packages: ['rabbitmq-client'] },
  threads: { imports: ['threads'], types: ['rpc', 'cli', 'ops'] },
  ops: { imports: ['ops'], types: ['rpc', 'cli', 'threads'], packages: ['prom-client'] },
  cli: { imports: ['cli'], types: ['rpc', 'ops', 'threads'] },
  broker: { imports: ['broker', 'rpc'], packages: ['testcontainers', '@testcontainers/rabbitmq'] },
  compare: { imports: ['compare', 'rpc'], types: ['broker'], packages: ['echarts'] },
  bench: {
    imports: ['bench', 'compare/implementation.ts', 'rpc', 'fibonacci.ts'],
    packages: ['rabbitmq-client', 'amqplib', '@cloudamqp/amqp-client'],
  },
};

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

const files = ['src', 'bench'].flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((file) => `${folder}/${file.replaceAll(path.sep, '/')}`)
    .filter((file) => file.endsWith('.ts')),
);

/** A file by its layer: `rpc/client.ts`, `bench/index.ts`. */
const layered = (file: string) => file.replace(/^src\//, '');

const imports: Import[] = files.flatMap((file) => {
  const source = readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  const found = source.matchAll(
    /^\s*(?:import|export)\s+(type\s)?(?:[\w*{][^;'"`()]*?from\s*)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm,
  );
  return [...found].map(([, type, name, dynamic]) => {
    const target = name ?? dynamic ?? '';
    const to = target.startsWith('.') ? layered(path.posix.join(path.posix.dirname(file), target)) : target;
    return { from: layered(file), to, typeOnly: type !== undefined };
  });
});

const layerOf = (file: string) => layered(file).split('/')[0] ?? '';
const within = (file: string, places: readonly string[] = []) =>
  places.some((place) => file === place || file.startsWith(`${place}/`));

function isAllowed({ from, to, typeOnly }: Import): boolean {
  const layer = layers[layerOf(from)];
  if (!layer) return false;
  if (to.startsWith('node:')) return true;
  if (within(to, layer.imports)) return true;
  if (typeOnly && within(to, layer.types)) return true;
  return within(to, layer.packages);
}

describe('the layers of src and bench', () => {
  test('are the known ones', () => {
    assert.deepEqual(
      files.map(layerOf).filter((layer) => !(layer in layers)),
      [],
    );
    assert.ok(imports.length > files.length, 'imports are found at all');
  });

  test('import one way', () => {
    const wrong = imports.filter((one) => !isAllowed(one));
    assert.deepEqual(
      wrong.map(({ from, to }) => `${from} imports ${to}`),
      [],
    );
  });

  test('leave the programs alone: nobody imports src/bin', () => {
    assert.deepEqual(
      imports.filter(({ to }) => within(to, ['bin'])),
      [],
    );
  });

  test('hold files of at most 250 lines', () => {
    const long = files.map((file) => [file, readFileSync(file, 'utf8').split('\n').length - 1] as const);
    assert.deepEqual(
      long.filter(([, lines]) => lines > 250),
      [],
    );
  });
});
