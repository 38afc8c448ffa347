import { chmod, copyFile, lstat, mkdir, open, readdir, realpath, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Installation } from './node-settings.ts';

const loaders: Readonly<Record<string, { triplet: string; loader: string }>> = {
  amd64: { triplet: 'x86_64-linux-gnu', loader: 'ld-linux-x86-64.so.2' },
  arm64: { triplet: 'aarch64-linux-gnu', loader: 'ld-linux-aarch64.so.1' },
};

/** Throws if a tree of packages for this architecture (as dpkg names it) can't be made to run from anywhere. */
export function loaderFor(architecture: string): { triplet: string; loader: string } {
  const found = loaders[architecture];
  if (!found)
    throw new Error(
      `unpacking RabbitMQ's packages is made for ${Object.keys(loaders).join(' and ')}, not for ${architecture}`,
    );
  return found;
}

/**
 * Makes a tree that packages were unpacked into run from wherever it lies, with its own libraries: the machine may have none
 * of them, or older ones.
 */
export async function makeRelocatable(root: string, architecture: string): Promise<void> {
  const { triplet, loader } = loaderFor(architecture);
  const at = (...names: string[]) => path.join(root, ...names);

  // every library in one folder, beside its loader
  await mkdir(at('so'));
  for await (const file of files(root)) {
    const name = path.basename(file);
    const isLibrary = name === loader || (path.dirname(file).endsWith(triplet) && name.includes('.so'));
    if (!isLibrary || file.includes('/erlang/')) continue;
    const target = await realpath(file).catch(() => '');
    if (target.startsWith(`${await realpath(root)}/`)) await copyFile(target, at('so', name)); // else a link out of the tree
  }
  const superfluous = [
    'usr/share',
    'etc',
    'var',
    'usr/lib/erlang/man',
    'lib',
    'lib64',
    'usr/lib64',
    `usr/lib/${triplet}`,
    'usr/bin',
    'usr/sbin',
  ];
  for (const name of superfluous) await rm(at(name), { recursive: true, force: true });

  // each program of Erlang's runs with that loader
  const erlang = at('usr/lib/erlang');
  const runtime = path.join(erlang, (await readdir(erlang)).find((name) => name.startsWith('erts-')) ?? '', 'bin');
  for await (const file of files(erlang)) {
    if (!/(^|\/)(erts-[^/]*\/bin|erlang\/bin|priv\/bin)$/.test(path.dirname(file)) || !(await isElf(file))) continue;
    const hidden = path.join(path.dirname(file), '.elf');
    await mkdir(hidden, { recursive: true });
    await rename(file, path.join(hidden, path.basename(file)));
    await writeScript(
      file,
      `so=\${f%/usr/lib/erlang/*}/so`,
      `exec "$so/${loader}" --library-path "$so" --argv0 "$0" "$d/.elf/\${f##*/}" "$@"`,
    );
  }
  // Debian's `erl` has its folder built in and ignores ERL_ROOTDIR
  for (const file of [path.join(runtime, 'erl'), path.join(erlang, 'bin/erl')]) {
    await rm(file, { force: true });
    await writeScript(
      file,
      `ROOTDIR=\${d%/usr/lib/erlang/*}/usr/lib/erlang; BINDIR=$(echo "$ROOTDIR"/erts-*/bin); EMU=beam; PROGNAME=erl`,
      'export ROOTDIR BINDIR EMU PROGNAME',
      'exec "$BINDIR/erlexec" "$@"',
    );
  }
}

/** The installation in such a tree. */
export async function installationIn(root: string, origin: string): Promise<Installation> {
  const libraries = path.join(root, 'usr/lib/rabbitmq/lib');
  const server = (await readdir(libraries)).find((name) => name.startsWith('rabbitmq_server-'));
  if (!server) throw new Error(`no rabbitmq_server-* in ${libraries}`);
  // Debian's 4.3 lets transient non-exclusive queues pass, by a patch of its own; RabbitMQ's 4.3 refuses them
  const [major = 0, minor = 0] = server.replace('rabbitmq_server-', '').split('.').map(Number);
  const refusesTransient = major > 4 || (major === 4 && minor >= 3);
  return {
    scripts: path.join(libraries, server, 'sbin'),
    path: [path.join(root, 'usr/lib/erlang/bin'), process.env.PATH, '/usr/bin', '/bin'].join(path.delimiter),
    origin,
    config: refusesTransient ? ['deprecated_features.permit.transient_nonexcl_queues = false'] : [],
  };
}

/** Writes a shell script that knows its own place: `$f` is its file, links resolved, and `$d` its folder. */
async function writeScript(file: string, ...lines: string[]): Promise<void> {
  await writeFile(file, ['#!/bin/sh', `f=$(readlink -f -- "$0"); d=\${f%/*}`, ...lines, ''].join('\n'));
  await chmod(file, 0o755);
}

/** Every file and link below a folder; links are not followed. */
async function* files(folder: string): AsyncGenerator<string> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) yield* files(file);
    else yield file;
  }
}

async function isElf(file: string): Promise<boolean> {
  if (!(await lstat(file)).isFile()) return false;
  const handle = await open(file);
  try {
    const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0);
    return buffer.toString('latin1') === '\x7fELF';
  } finally {
    await handle.close();
  }
}
