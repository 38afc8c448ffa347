import { readdir, realpath } from 'node:fs/promises';
import path from 'node:path';
import type { Installation } from './node-settings.ts';
import { whyUntrusted } from './trust.ts';

/**
 * An installed `rabbitmq-server`: Debian's and RabbitMQ's own packages, Homebrew, or one on the PATH (a generic-unix
 * archive). Undefined if there is none.
 */
export async function findInstalled(searched = process.env.PATH ?? ''): Promise<Installation | undefined> {
  const searchedFolders = searched.split(path.delimiter).filter(path.isAbsolute);
  const folders = [
    '/usr/lib/rabbitmq/bin',
    '/opt/homebrew/opt/rabbitmq/sbin',
    '/usr/local/opt/rabbitmq/sbin',
    ...searchedFolders,
  ];
  for (const folder of folders) {
    const server = await realpath(path.join(folder, 'rabbitmq-server')).catch(() => '');
    // the packages put a wrapper on the PATH that insists on being root and knows one node only
    if (!server || path.basename(server) === 'rabbitmq-script-wrapper' || !(await hasLibraries(server))) continue;
    // the PATH is this user's choice; a place that is merely usual may be another user's
    if (!searchedFolders.includes(folder) && whyUntrusted(server) !== undefined) continue;
    return {
      scripts: path.dirname(server),
      path: [searched, '/opt/homebrew/bin', '/usr/local/bin', '/usr/bin', '/bin', '/usr/sbin', '/sbin'].join(
        path.delimiter,
      ),
      origin: `installed in ${path.dirname(server)}`,
      config: [],
    };
  }
  return undefined;
}

/** RabbitMQ's scripts lie in a `sbin` beside its `plugins`. */
async function hasLibraries(server: string): Promise<boolean> {
  const plugins = path.join(path.dirname(server), '..', 'plugins');
  return readdir(plugins).then(
    (names) => names.length > 0,
    () => false,
  );
}
