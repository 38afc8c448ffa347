import '../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { describe, it } from 'node:test';
import '../test-helpers/built.ts';

interface LockedPackage {
  readonly version?: string;
  readonly integrity?: string;
  readonly link?: boolean;
}

const json = <T>(file: string) => JSON.parse(readFileSync(file, 'utf8')) as T;
const manifest =
  json<Partial<Record<'scripts' | 'dependencies' | 'devDependencies', Record<string, string>>>>('package.json');

describe('what is installed', () => {
  it('is pinned: every package of the lockfile has a version and a strong checksum', () => {
    const { '': _own, ...packages } = json<{ packages: Record<string, LockedPackage> }>('package-lock.json').packages;
    assert.ok(Object.keys(packages).length > 0);
    for (const [name, { version, integrity }] of Object.entries(packages)) {
      assert.match(version ?? '', /^\d+\.\d+\.\d+/, name);
      assert.match(integrity ?? '', /^sha512-/, name);
    }
  });

  it('is exactly the version that was tried, for what ships', () => {
    assert.equal(manifest.dependencies, undefined, 'what the package needs is inside');
    for (const name of ['rabbitmq-client', 'prom-client'])
      assert.match(manifest.devDependencies?.[name] ?? '', /^\d+\.\d+\.\d+$/, name);
  });

  it('runs no script, of ours or of anybody', () => {
    assert.match(readFileSync('.npmrc', 'utf8'), /^ignore-scripts=true$/m);
    const hooks = ['preinstall', 'install', 'postinstall', 'prepare', 'prepublish'];
    assert.deepEqual(
      hooks.filter((hook) => hook in (manifest.scripts ?? {})),
      [],
    );
  });
});

describe('dist/worker.js', () => {
  const bundle = readFileSync('dist/worker.js', 'utf8').replaceAll('\\\n', ''); // a string may go on in the next line

  it('needs nothing beside it but Node', () => {
    const taken = [...bundle.matchAll(/\bprocess\.getBuiltinModule\(["']([^"']+)["']\)/g)].map(
      ([, name]) => name ?? '',
    );
    assert.ok(taken.length > 5);
    assert.deepEqual(
      taken.filter((name) => !isBuiltin(name)),
      [],
    );
    assert.doesNotMatch(bundle, /\brequire\("|\bimport\s*["({]|^\s*(import|export)\b/m);
  });

  it('holds two packages, and ends with the licence of each', () => {
    assert.deepEqual(held('dist/worker.js'), ['prom-client', 'rabbitmq-client']);
    for (const name of held('dist/worker.js')) {
      const { version } = json<{ version: string }>(`node_modules/${name}/package.json`);
      const licence = readFileSync(`node_modules/${name}/LICENSE`, 'utf8').trim().replaceAll('*/', '* /');
      assert.ok(bundle.includes(`\n${name} ${version}\n\n${licence}\n`), name);
    }
  });
});

describe('dist/client.js', () => {
  it('holds one package', () => {
    assert.deepEqual(held('dist/client.js'), ['rabbitmq-client']);
  });
});

/** The packages whose licences a bundle ends with. */
function held(file: string): string[] {
  const [, licences = ''] = readFileSync(file, 'utf8').split('\n/*! This file holds these packages:\n');
  const names = [...licences.matchAll(/^((?:@[\w-]+\/)?[\w-]+) \d+\.\d+\.\d+\S*$/gm)];
  return names.map(([, name = '']) => name);
}
