import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, lchownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { Guard } from '../../src/rabbitmq/guard.ts';
import { whyUntrusted } from '../../src/rabbitmq/trust.ts';
import { unpackedIn } from '../../src/rabbitmq/unpacked.ts';

/** Somebody else, where this is root and can give files away. */
const STRANGER = 65_534;
const notRoot = process.getuid?.() === 0 ? false : 'only root can make files of another user';

function folder(t: TestContext): string {
  const made = mkdtempSync(path.join(os.tmpdir(), 'fib-worker-trust-'));
  t.after(() => rmSync(made, { recursive: true }));
  return made;
}

/** A tree that says so when it is run. */
function plantTree(root: string): string {
  const sbin = path.join(root, 'usr/lib/rabbitmq/lib/rabbitmq_server-3.10.8/sbin');
  mkdirSync(sbin, { recursive: true });
  writeFileSync(path.join(sbin, 'rabbitmq-server'), '#!/bin/sh\n', { mode: 0o755 });
  return root;
}

describe('a path is trusted', () => {
  it('if each part is this user’s or root’s and nobody else may write to it', (t) => {
    const own = folder(t);
    mkdirSync(path.join(own, 'a/b'), { recursive: true });
    assert.equal(whyUntrusted(path.join(own, 'a/b')), undefined);
    assert.equal(whyUntrusted(process.execPath), undefined);
    for (const mode of [0o777, 0o775, 0o757]) {
      chmodSync(path.join(own, 'a'), mode);
      for (const file of ['a', 'a/b'])
        assert.match(
          whyUntrusted(path.join(own, file)) ?? '',
          new RegExp(`others may write to .*/a \\(mode ${mode.toString(8)}\\)`),
        );
    }
    assert.match(whyUntrusted(path.join(own, 'a/none')) ?? '', /./);
    assert.match(whyUntrusted(path.join(own, 'none')) ?? '', /none: ENOENT/);
  });

  it('below a folder where everybody may remove only his own, but is not such a folder unless that is asked for', (t) => {
    const own = folder(t);
    chmodSync(own, 0o1777);
    mkdirSync(path.join(own, 'mine'), 0o700);
    assert.equal(whyUntrusted(path.join(own, 'mine')), undefined);
    assert.match(whyUntrusted(own) ?? '', /others may write/);
    assert.equal(whyUntrusted(own, { shared: true }), undefined);
  });

  it('through links of this user, to what is trusted itself', (t) => {
    const own = folder(t);
    mkdirSync(path.join(own, 'real/below'), { recursive: true });
    symlinkSync('real', path.join(own, 'link'));
    symlinkSync(path.join(own, 'link'), path.join(own, 'second'));
    symlinkSync('round', path.join(own, 'round'));
    symlinkSync(os.tmpdir(), path.join(own, 'tmp'));
    assert.equal(whyUntrusted(path.join(own, 'second/below')), undefined);
    assert.match(whyUntrusted(path.join(own, 'round')) ?? '', /too many links/);
    assert.match(whyUntrusted(path.join(own, 'tmp')) ?? '', /others may write/);
    chmodSync(path.join(own, 'real'), 0o777);
    assert.match(whyUntrusted(path.join(own, 'second/below')) ?? '', /others may write to .*\/real/);
  });

  it('unless another user made a part of it, a link to this user’s own files too', { skip: notRoot }, (t) => {
    const own = folder(t);
    chmodSync(own, 0o1777);
    mkdirSync(path.join(own, 'theirs/below'), { recursive: true });
    lchownSync(path.join(own, 'theirs'), STRANGER, STRANGER);
    for (const [link, target] of [
      ['to-root', '/'],
      ['to-tmp', os.tmpdir()],
      ['to-own', own],
    ] as const) {
      symlinkSync(target, path.join(own, link));
      lchownSync(path.join(own, link), STRANGER, STRANGER);
      assert.match(whyUntrusted(path.join(own, link)) ?? '', /belongs to another user \(uid 65534\)/, link);
    }
    assert.match(whyUntrusted(path.join(own, 'theirs/below')) ?? '', /theirs belongs to another user/);
    assert.match(whyUntrusted(path.join(own, 'to-own/theirs')) ?? '', /to-own belongs to another user/);
  });
});

describe('another user of the machine can’t have us run a program of his', () => {
  it('by an unpacked RabbitMQ, or a link to one, in the place of ours', { skip: notRoot }, async (t) => {
    const cache = folder(t);
    assert.equal(await unpackedIn(cache, 'none'), undefined);
    assert.ok(await unpackedIn(cache, path.basename(plantTree(path.join(cache, 'ours')))));
    lchownSync(plantTree(path.join(cache, 'theirs')), STRANGER, STRANGER);
    assert.equal(await unpackedIn(cache, 'theirs'), undefined);
    symlinkSync(path.join(cache, 'ours'), path.join(cache, 'link'));
    lchownSync(path.join(cache, 'link'), STRANGER, STRANGER);
    assert.equal(await unpackedIn(cache, 'link'), undefined);
    chmodSync(cache, 0o777);
    assert.equal(await unpackedIn(cache, 'ours'), undefined, 'anybody may have put it there');
  });

  it('by a temporary folder that others may empty and fill', async (t) => {
    const shared = folder(t);
    chmodSync(shared, 0o777);
    await assert.rejects(Guard.start(shared), /no temporary folder can be made in .*: others may write to/);
    chmodSync(shared, 0o1777);
    const guard = await Guard.start(shared);
    await guard[Symbol.asyncDispose]();
    assert.equal(existsSync(guard.folder), false);
  });

  it('by what the test files of a run share', { skip: notRoot }, () => {
    const helper = (name: string) => JSON.stringify(new URL(`../../test-helpers/${name}`, import.meta.url).href);
    const program = `
      import { lchownSync, rmSync, symlinkSync } from 'node:fs';
      import os from 'node:os';
      import { processStart } from ${helper('process-start.ts')};
      import { ofThisRun } from ${helper('run.ts')};
      const folder = os.tmpdir() + '/fib-worker-tests-0-' + process.pid + '-' + processStart(process.pid);
      symlinkSync(os.tmpdir(), folder); // it is root's, where the stranger's socket could be
      lchownSync(folder, ${STRANGER}, ${STRANGER});
      await ofThisRun('programs').catch((error) => console.log(error.message));
      rmSync(folder);`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
      encoding: 'utf8',
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
      timeout: 20_000,
    });
    assert.match(
      stdout,
      /^what the test files share can't be kept in .* belongs to another user \(uid 65534\)$/m,
      stderr,
    );
  });
});
