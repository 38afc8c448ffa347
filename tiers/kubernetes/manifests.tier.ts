import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { deployed } from './deployed.ts';

const root = path.resolve('deploy/kubernetes');

/** Each kind that is deployed: the module of `kubernetes-models` or `@kubernetes-models/keda` with its schema and types. */
const kinds: Record<string, { readonly module: string; readonly type: string }> = {
  Secret: { module: 'kubernetes-models/v1/Secret', type: 'ISecret' },
  Deployment: { module: 'kubernetes-models/apps/v1/Deployment', type: 'IDeployment' },
  PodDisruptionBudget: { module: 'kubernetes-models/policy/v1/PodDisruptionBudget', type: 'IPodDisruptionBudget' },
  NetworkPolicy: { module: 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy', type: 'INetworkPolicy' },
  ScaledObject: { module: '@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject', type: 'IScaledObject' },
  ScaledJob: { module: '@kubernetes-models/keda/keda.sh/v1alpha1/ScaledJob', type: 'IScaledJob' },
  TriggerAuthentication: {
    module: '@kubernetes-models/keda/keda.sh/v1alpha1/TriggerAuthentication',
    type: 'ITriggerAuthentication',
  },
};

/** The packages that read and check manifests: 34 MB that nothing else here needs, so they are installed for this test alone. */
const tools = ['yaml@2.9.1', 'kubernetes-models@5.1.0', '@kubernetes-models/keda@2.0.0'];

// biome-ignore lint/suspicious/noExplicitAny: what a manifest holds is what this test finds out
type Manifest = any;

describe('the Kubernetes manifests', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'fib-worker-kubernetes-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  let why: string | undefined;
  const manifests = new Map<string, Manifest>();
  /** A package that is installed in that folder. */
  const tool = async (name: string) => (await import(pathToFileURL(path.join(folder, 'load.mjs')).href)).load(name);

  before(async () => {
    writeFileSync(path.join(folder, 'package.json'), '{ "private": true, "type": "module" }');
    writeFileSync(path.join(folder, 'load.mjs'), 'export const load = (name) => import(name);');
    const install = ['install', '--ignore-scripts', '--no-audit', '--no-fund', ...tools];
    const { status, stderr } = spawnSync('npm', install, { cwd: folder, encoding: 'utf8' });
    if (status !== 0) {
      why = `npm could not install ${tools.join(', ')}: ${stderr.trim().split('\n')[0]}`;
      return;
    }
    const { parse } = await tool('yaml');
    for (const file of readdirSync(root, { recursive: true, encoding: 'utf8' }))
      if (file.endsWith('.yaml')) manifests.set(file, parse(readFileSync(path.join(root, file), 'utf8')));
  });

  const one = (kind: string): Manifest => [...manifests.values()].find((manifest) => manifest.kind === kind);

  test('are all named by a kustomization', (t) => {
    if (why) return t.skip(why);
    for (const [file, { kind, resources }] of manifests) {
      if (kind !== 'Kustomization') continue;
      const beside = [...manifests.keys()].filter(
        (other) => path.dirname(other) === path.dirname(file) && other !== file,
      );
      assert.deepEqual(resources.toSorted(), beside.map((other) => path.basename(other)).toSorted(), file);
    }
  });

  test('fit the schemas of Kubernetes and KEDA', async (t) => {
    if (why) return t.skip(why);
    for (const [file, manifest] of manifests) {
      if (manifest.kind === 'Kustomization') continue;
      const known = kinds[manifest.kind];
      assert.ok(known, `${file}: a kind that this test does not know: ${manifest.kind}`);
      const model = (await tool(known.module))[manifest.kind];
      assert.doesNotThrow(() => new model(manifest).validate(), file);
    }
  });

  test('have no field that Kubernetes or KEDA does not know', (t) => {
    if (why) return t.skip(why);
    const resources = [...manifests].filter(([, { kind }]) => kind !== 'Kustomization');
    const check = (content: Manifest) => {
      const lines = content.map(([file, manifest]: [string, Manifest], index: number) => {
        const { module, type } = kinds[manifest.kind] as { module: string; type: string };
        return `import type { ${type} as T${index} } from '${module}';\nexport const m${index}: T${index} = ${JSON.stringify(manifest, null, 1)}; // ${file}`;
      });
      writeFileSync(path.join(folder, 'check.ts'), lines.join('\n'));
      const options =
        '--noEmit --strict --skipLibCheck --ignoreConfig --target es2022 --module nodenext --moduleResolution nodenext';
      return spawnSync(path.resolve('node_modules/.bin/tsc'), [...options.split(' '), 'check.ts'], {
        cwd: folder,
        encoding: 'utf8',
      });
    };
    const { status, stdout } = check(resources);
    assert.equal(status, 0, stdout);
    // and the check can fail
    const wrong = resources.map(([file, manifest]) => [
      file,
      { ...manifest, spec: { ...manifest.spec, poolingInterval: 1 } },
    ]);
    assert.match(check(wrong).stdout, /poolingInterval/);
  });

  test('let KEDA count the calls in hand, and have the times of docs/scale-to-zero.md', (t) => {
    if (why) return t.skip(why);
    for (const kind of ['ScaledObject', 'ScaledJob'])
      for (const { type, metadata } of one(kind).spec.triggers)
        assert.deepEqual(
          [type, metadata.protocol, metadata.excludeUnacknowledged],
          ['rabbitmq', 'http', 'false'],
          kind,
        );
    const { spec } = one('ScaledObject');
    const [{ metadata }] = spec.triggers;
    const { template } = one('Deployment').spec;
    const grace = template.spec.containers[0].args.find((arg: string) => arg.startsWith('--grace='));
    assert.deepEqual(
      {
        scaledObject: {
          pollingInterval: spec.pollingInterval,
          cooldownPeriod: spec.cooldownPeriod,
          maxReplicaCount: spec.maxReplicaCount,
          activationValue: Number(metadata.activationValue),
          value: Number(metadata.value),
          stabilizationWindow:
            spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleDown.stabilizationWindowSeconds,
        },
        grace: Number(/^--grace=(\d+)s$/.exec(grace)?.[1]),
        terminationGracePeriod: template.spec.terminationGracePeriodSeconds,
      },
      deployed,
    );
    assert.ok(deployed.terminationGracePeriod > deployed.grace, 'the worker drains before it is killed');
  });

  test('start the worker with options that it has, as a user without rights, on a file system that it cannot write', (t) => {
    if (why) return t.skip(why);
    const help = spawnSync(process.execPath, ['dist/worker.js', '--help'], { encoding: 'utf8' }).stdout;
    for (const pod of [one('Deployment').spec.template.spec, one('ScaledJob').spec.jobTargetRef.template.spec]) {
      const [container] = pod.containers;
      for (const arg of container.args) assert.match(help, new RegExp(`^ +(-\\w, )?${arg.split('=')[0]}\\b`, 'm'), arg);
      for (const { name } of container.env) assert.match(help, new RegExp(`env ${name}\\b`), name);
      assert.equal(pod.securityContext.runAsNonRoot, true);
      assert.equal(container.securityContext.readOnlyRootFilesystem, true);
      assert.deepEqual(container.securityContext.capabilities, { drop: ['ALL'] });
    }
  });
});
