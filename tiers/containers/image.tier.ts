import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { before, describe, it } from 'node:test';
import { programFolder } from '../../test-helpers/built.ts';
import { buildImage, docker, IMAGE } from '../../test-helpers/containers.ts';

/** The part of `docker image inspect` that matters here. */
interface Image {
  readonly Size: number;
  readonly RootFS: { readonly Layers: readonly string[] };
  readonly Config: {
    readonly User: string;
    readonly Entrypoint: readonly string[];
    readonly Cmd: readonly string[] | null;
    readonly WorkingDir: string;
    readonly Labels: Readonly<Record<string, string>>;
    readonly Healthcheck: { readonly Test: readonly string[] };
  };
}

async function inspect(name: string): Promise<Image> {
  return (JSON.parse(await docker('image', 'inspect', name)) as [Image])[0];
}

const inImage = (program: string, ...args: string[]) =>
  docker('run', '--rm', '--network', 'none', '--entrypoint', program, IMAGE, ...args);

describe("the worker's image", () => {
  before(buildImage);

  it('adds one file to its base, and nothing else', async () => {
    const { Size, RootFS, Config } = await inspect(IMAGE);
    const base = await inspect(Config.Labels['org.opencontainers.image.base.name'] ?? '');
    assert.deepEqual(RootFS.Layers.slice(0, base.RootFS.Layers.length), base.RootFS.Layers);
    const files = (await inImage('find', '/app', '-printf', '%p %U %m\n')).split('\n');
    assert.deepEqual(files.sort(), ['/app 0 755', '/app/worker.js 0 444']);
    assert.equal(Size - base.Size, Number(await inImage('stat', '-c', '%s', '/app/worker.js')));
  });

  it('has the same layer whenever it is built: no time of the build is in it', async () => {
    assert.equal(await inImage('stat', '-c', '%Y', '/app', '/app/worker.js'), '0\n0');
  });

  it('runs node itself as process 1, not as root, by numbers that Kubernetes can check', async () => {
    const { Config } = await inspect(IMAGE);
    assert.match(Config.User, /^[1-9]\d*:[1-9]\d*$/);
    assert.deepEqual([Config.Entrypoint, Config.Cmd ?? [], Config.WorkingDir], [['node', 'worker.js'], [], '/app']);
  });

  it('asks the worker for its health', async () => {
    const { Config } = await inspect(IMAGE);
    assert.deepEqual(Config.Healthcheck.Test, ['CMD', 'node', 'worker.js', '--check']);
  });

  it('says what it is', async () => {
    const { Config } = await inspect(IMAGE);
    const manifest = JSON.parse(readFileSync(path.join(programFolder, '..', 'package.json'), 'utf8'));
    const label = (name: string) => Config.Labels[`org.opencontainers.image.${name}`];
    assert.deepEqual([label('title'), label('version'), label('licenses')], [manifest.name, manifest.version, 'MIT']);
    assert.equal(await docker('run', '--rm', IMAGE, '--version'), `${manifest.name} ${manifest.version}`);
  });

  it('takes options after its name, and says on one line what is wrong with them', async () => {
    await assert.rejects(docker('run', '--rm', IMAGE, '--prefetch', '0'), (error: Error) => {
      assert.match(error.message, /^docker: fib-worker: --prefetch "0": expected [^\n]+$/);
      return true;
    });
  });
});
