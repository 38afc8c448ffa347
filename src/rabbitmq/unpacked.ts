import { access, constants, mkdir, rename } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { type Archive, fetchPackages, findArchive } from './apt.ts';
import { type RabbitVersion, type Say, suites } from './broker.ts';
import { Guard } from './guard.ts';
import type { Installation } from './node-settings.ts';
import { run } from './run.ts';
import { installationIn, loaderFor, makeRelocatable } from './tree.ts';
import { whyUntrusted } from './trust.ts';

/** To be raised when what lies in the cache changes: a tree made by older code is then not used. */
const LAYOUT = 1;

/**
 * RabbitMQ out of Debian's or Ubuntu's own packages, fetched with apt's tools and unpacked into this user's cache folder, or
 * where there is none that others can't write to, into a temporary one that goes with this process. Nothing is installed and no
 * root is needed. The first time takes 10 to 30 s and about 45 MB of download, 100 MB on disk.
 *
 * @returns undefined where there is neither Debian nor Ubuntu, or no package of this version
 */
export async function findOrUnpack({
  version,
  say,
  signal,
}: {
  version?: string | undefined;
  say: Say;
  signal?: AbortSignal | undefined;
}): Promise<Installation | undefined> {
  const suite = version === undefined ? undefined : suites[version as RabbitVersion];
  if (version !== undefined && suite === undefined) return undefined;
  const archive = await findArchive(suite);
  if (!archive) return undefined;
  loaderFor(archive.architecture);
  const name = `rabbitmq-${archive.suite}-${archive.architecture}-${LAYOUT}`;
  const cache = cacheFolder();
  const there = await unpackedIn(cache, name);
  if (there) return there;
  const unusable = await whyUnusable(cache);
  if (unusable !== undefined) return unpackForNow(archive, name, unusable, say, signal);
  await unpack(archive, cache, path.join(cache, name), say, signal);
  return unpackedIn(cache, name);
}

/** The tree of this name in a cache folder; undefined if there is none, or another user may have put it there. */
export async function unpackedIn(cache: string, name: string): Promise<Installation | undefined> {
  const root = path.join(cache, name);
  return whyUntrusted(root) === undefined ? installationIn(root, `unpacked in ${fromHome(root)}`) : undefined;
}

/** The folder of unpacked trees: in this user's own cache, for nobody else can write to that. */
function cacheFolder(): string {
  const { XDG_CACHE_HOME } = process.env;
  const user = XDG_CACHE_HOME && path.isAbsolute(XDG_CACHE_HOME) ? XDG_CACHE_HOME : path.join(os.homedir(), '.cache');
  return path.join(user, 'fib-worker');
}

/** Makes the cache folder; says why it can't be used. */
async function whyUnusable(cache: string): Promise<string | undefined> {
  try {
    await mkdir(cache, { recursive: true, mode: 0o700 });
    await access(cache, constants.W_OK);
  } catch (error) {
    return (error as Error).message;
  }
  return whyUntrusted(cache);
}

/** The trees of this process: the promise of each by its name. */
const trees = new Map<string, Promise<string>>();

/** Unpacks into a fresh temporary folder, once for each tree, which ends with this process. */
async function unpackForNow(
  archive: Archive,
  name: string,
  why: string,
  say: Say,
  signal: AbortSignal | undefined,
): Promise<Installation> {
  const unpacking =
    trees.get(name) ??
    (async () => {
      say(`not into the cache, but for this process alone: ${why}`);
      const { folder } = await Guard.start();
      const root = path.join(folder, name);
      await unpack(archive, folder, root, say, signal);
      return root;
    })();
  trees.set(name, unpacking);
  try {
    return await installationIn(await unpacking, 'unpacked for this process');
  } catch (error) {
    trees.delete(name);
    throw error;
  }
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
      if (whyUntrusted(root) !== undefined) throw error; // else another process was faster
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
