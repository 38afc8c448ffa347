import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { cpSync, readdirSync, readFileSync, realpathSync, statSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { programFolder } from '../../test-helpers/built.ts';
import { checkout } from '../../test-helpers/own-function.ts';
import { askWhileItRuns, Project } from './project.ts';

/** Every file below a folder, by its name there. */
function filesBelow(folder: string): Map<string, Buffer> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  const files = names.filter((name) => statSync(path.join(folder, name)).isFile());
  return new Map(files.map((name) => [name, readFileSync(path.join(folder, name))]));
}

describe('the build', () => {
  const project = new Project();
  after(() => project.remove());

  it('gives the same octets each time, in any folder', async () => {
    const built: Map<string, Buffer>[] = [];
    for (const name of ['one', 'other']) {
      const folder = project.at(name);
      for (const part of ['build.mjs', 'build', 'package.json', 'tsconfig.json', 'src', 'docs'])
        cpSync(path.join(checkout, part), path.join(folder, part), { recursive: true });
      symlinkSync(realpathSync(path.join(checkout, 'node_modules')), path.join(folder, 'node_modules'));
      for (const args of [[], [], ['--package']]) {
        const { code, stderr } = await project.run(process.execPath, ['build.mjs', ...args], {}, folder);
        assert.equal(code, 0, stderr);
        built.push(filesBelow(path.join(folder, args.length ? 'lib' : 'dist')));
      }
    }
    for (const ofOneKind of [built.filter((_, index) => index % 3 < 2), built.filter((_, index) => index % 3 === 2)]) {
      const [first, ...others] = ofOneKind;
      assert.ok(first && first.size > 3);
      for (const other of others) {
        assert.deepEqual([...other.keys()], [...first.keys()]);
        for (const [name, octets] of first) assert.ok(other.get(name)?.equals(octets), `${name} differs`);
      }
    }
  });
});

describe('dist/worker.js and dist/client.js run wherever they are copied:', { concurrency: 2 }, () => {
  for (const [place, manifest] of [
    ['among ES modules', '{ "type": "module" }'],
    ['among CommonJS modules', '{ "type": "commonjs" }'],
    ['with no package.json', undefined],
  ] as const)
    it(place, async (t) => {
      const project = new Project();
      t.after(() => project.remove());
      for (const name of ['worker.js', 'client.js']) cpSync(path.join(programFolder, name), project.at(name));
      if (manifest) project.write({ 'package.json': manifest });
      const env = { AMQP_URL: amqpUrl() };
      const queue = `copied-${randomBytes(6).toString('hex')}`;
      // threads load the same file once more
      const workerArgs = ['worker.js', '--queue', queue, '--max-calls', '1', '--threads', '1'];
      const [{ code, stderr }, client] = await askWhileItRuns(project.run(process.execPath, workerArgs, env), () =>
        project.run(process.execPath, ['client.js', '--queue', queue, '--quiet', '30'], env),
      );
      assert.deepEqual([client.code, client.stdout, client.stderr], [0, '832040\n', '']);
      assert.equal(code, 0, stderr);
      assert.doesNotMatch(stderr, /Warning/);
    });
});
