import { access, constants, mkdir, rename, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { type Archive, fetchPackages, findArchive } from './apt.ts';
import { type RabbitVersion, type Say, suites } from './broker.ts';
import { Guard } from './guard.ts';
import type { Installation } from './node-settings.ts';
import { run } from './run.ts';
import { installationIn, loaderFor, makeRelocatable } from './tree.ts';

/** To be raised when what lies in the cache changes: a tree made by older code is then not used. */
const LAYOUT = 1;

/**
 * RabbitMQ out of Debian's or Ubuntu's own packages, fetched with apt's tools and unpacked into a cache folder. Nothing is
 * installed and no root is needed. The first time takes 10 to 30 s and about 45 MB of download, 100 MB on disk.
 *
 * @returns undefined where there is neither Debian nor Ubuntu
 */
export async function findOrUnpack({
  version,
  say,
  signal,
}: {
  version?: RabbitVersion | undefined;
  say: Say;
  signal?: AbortSignal | undefined;
}): Promise<Installation | undefined> {
  const archive = await findArchive(version && suites[version]);
  if (!archive) return undefined;
  loaderFor(archive.architecture);
  const name = `rabbitmq-${archive.suite}-${archive.architecture}-${LAYOUT}`;
  const caches = cacheFolders();
  for (const cache of caches) {
    const root = path.join(cache, name);
    if (await isOurs(root)) return installationIn(root, `unpacked in ${fromHome(root)}`);
  }
  const cache = await firstWritable(caches);
  const root = path.join(cache, name);
  await unpack(archive, cache, root, say, signal);
  return installationIn(root, `unpacked in ${fromHome(root)}`);
}

/** Where trees may lie, best first: the user's cache, or else, where there is no home to write to, a temporary folder. */
function cacheFolders(): string[] {
  const { XDG_CACHE_HOME } = process.env;
  const user = XDG_CACHE_HOME && path.isAbsolute(XDG_CACHE_HOME) ? XDG_CACHE_HOME : path.join(os.homedir(), '.cache');
  return [path.join(user, 'fib-worker'), path.join(os.tmpdir(), `fib-worker-cache-${process.getuid?.()}`)];
}

async function firstWritable(folders: readonly string[]): Promise<string> {
  for (const folder of folders) {
    await mkdir(folder, { recursive: true, mode: 0o700 }).catch(() => {});
    const writable = await access(folder, constants.W_OK).then(
      () => true,
      () => false,
    );
    if (writable && (await isOurs(folder))) return folder;
  }
  throw new Error(`can't write to ${folders.join(' nor to ')}; set XDG_CACHE_HOME to a folder that can be written to`);
}

/** A folder that another user made, in the temporary folder say, may hold anything: we don't run what is in it. */
async function isOurs(folder: string): Promise<boolean> {
  return stat(folder).then(
    (entry) => entry.uid === process.getuid?.(),
    () => false,
  );
}

async function unpack(
  archive: Archive,
  cache: string,
  root: string,
  say: Say,
  signal: AbortSignal | undefined,
): Promise<void> {
  const started = Date.now();
  // in the cache, so that the finished tree can be moved into its place in one step: runs at the same time, or killed
  // half-way, never leave or see half a tree
  const guard = await Guard.start(cache);
  try {
    const packages = await fetchPackages(archive, { folder: guard.folder, env: guard.env, say, signal });
    say('unpacking');
    const tree = path.join(guard.folder, 'tree');
    await mkdir(tree);
    const options = { env: { ...process.env, ...guard.env }, signal };
    for (const file of packages) await run('dpkg', ['-x', file, tree], options);
    await makeRelocatable(tree, archive.architecture);
    const { path: searched } = await installationIn(tree, '');
    await run('erl', ['-noinput', '-eval', 'halt().'], {
      ...options,
      env: { ...options.env, PATH: searched },
      timeout: 60_000,
    }).catch((error: Error) => {
      throw new Error(`the unpacked Erlang does not run: ${error.message}`, { cause: error });
    });
    await rename(tree, root).catch(async (error: Error) => {
      if (!(await isOurs(root))) throw error; // else somebody else was faster
    });
    say(`unpacked RabbitMQ into ${root} in ${Math.round((Date.now() - started) / 1_000)} s`);
  } finally {
    await guard[Symbol.asyncDispose]();
  }
}

/** A path as people write it: what is said of a broker goes into reports, and those to others. */
function fromHome(file: string): string {
  const home = `${os.homedir()}${path.sep}`;
  return file.startsWith(home) ? `~${path.sep}${file.slice(home.length)}` : file;
}
