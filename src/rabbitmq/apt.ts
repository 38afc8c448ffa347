import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
  type AptSource,
  type Distribution,
  distributions,
  ownSource,
  parseList,
  parseOsRelease,
  parseSources,
} from './apt-sources.ts';
import type { Say } from './broker.ts';
import { run, which } from './run.ts';
import { whyUntrusted } from './trust.ts';

/** The archive that apt fetches RabbitMQ from. */
export interface Archive {
  readonly distribution: Distribution;
  readonly suite: string;
  /** As dpkg says: `amd64`, `arm64`. */
  readonly architecture: string;
  readonly uri: string;
  /** The keys that the archive's signature is checked against. */
  readonly keyring: string;
}

/**
 * Demands a signature of all that is run here, even where the machine's own configuration, read after ours, does not. How old it
 * may be is left to the machine (`Acquire::Check-Valid-Until`), which may know only a snapshot of the archive.
 */
const signedOnly = [
  'Acquire::AllowInsecureRepositories',
  'Acquire::AllowDowngradeToInsecureRepositories',
  'Acquire::AllowWeakRepositories',
  'APT::Get::AllowUnauthenticated',
].flatMap((name) => ['-o', `${name}=false`]);

// The packages that the broker itself loads, out of all that its package depends on. Libraries are those of Erlang's programs.
const needed =
  /^(erlang-.*|rabbitmq-server|libc6|libgcc-s1|libstdc\+\+6|libtinfo6|zlib1g|libsystemd0|libsctp1|libssl[13](\..*)?(t64)?|libcap2|liblz4-1|liblzma5|libzstd1|libgcrypt20|libgpg-error0)$/;

/**
 * The archive that this machine's packages come from, or of the Debian suite asked for; undefined if there is no apt.
 * @throws an Error if the machine has no keyring for it: apt would then trust any key that it knows
 */
export async function findArchive(debianSuite?: string): Promise<Archive | undefined> {
  if (!(await which('apt-get')) || !(await which('dpkg'))) return undefined;
  const machine = parseOsRelease(await readFile('/etc/os-release', 'utf8').catch(() => ''));
  if (!machine) return undefined;
  const distribution = debianSuite ? 'debian' : machine.distribution;
  const known = distributions[distribution];
  const source = ownSource(await machineSources(), distribution, machine.suite);
  return {
    distribution,
    suite: debianSuite ?? source?.suite ?? machine.suite,
    architecture: (await run('dpkg', ['--print-architecture'], { env: process.env })).trim(),
    uri: source?.uri ?? known.mirror,
    keyring: findKeyring(distribution, [...(source?.signedBy ? [source.signedBy] : []), ...known.keyrings]),
  };
}

async function machineSources(): Promise<AptSource[]> {
  const folder = '/etc/apt/sources.list.d';
  const files = [
    '/etc/apt/sources.list',
    ...(await readdir(folder).catch(() => [])).sort().map((name) => path.join(folder, name)),
  ];
  const sources: AptSource[] = [];
  for (const file of files) {
    const parse = file.endsWith('.sources') ? parseSources : file.endsWith('.list') ? parseList : undefined;
    if (parse) sources.push(...parse(await readFile(file, 'utf8').catch(() => '')));
  }
  return sources;
}

function findKeyring(distribution: Distribution, files: readonly string[]): string {
  const found = files.find((file) => whyUntrusted(file) === undefined);
  if (found) return found;
  throw new Error(
    `no keyring to check ${distribution}'s packages with (${files.map((file) => whyUntrusted(file)).join('; ')}): install the package ${distribution}-archive-keyring`,
  );
}

/**
 * Fetches RabbitMQ's packages, checked against the distribution's keyring, and what they need, into `folder`. Apt gets a
 * state of its own there: nothing on the machine changes, and no root is needed.
 *
 * @returns the packages' files
 */
export async function fetchPackages(
  archive: Archive,
  { folder, env, say, signal }: { folder: string; env: NodeJS.ProcessEnv; say: Say; signal?: AbortSignal | undefined },
): Promise<string[]> {
  const at = (...names: string[]) => path.join(folder, ...names);
  await mkdir(at('lists/partial'), { recursive: true });
  await mkdir(at('packages/partial'), { recursive: true });
  await writeFile(at('status'), '');
  await writeFile(at('apt.conf'), aptConfiguration(folder, archive));
  const components = distributions[archive.distribution].components.join(' ');
  const options = `signed-by=${archive.keyring} arch=${archive.architecture} targets=Packages`;
  await writeFile(at('sources.list'), `deb [${options}] ${archive.uri} ${archive.suite} ${components}\n`);

  const apt = (...args: string[]) =>
    run('apt-get', [...signedOnly, ...args], {
      cwd: at('packages'),
      env: { ...process.env, LC_ALL: 'C', APT_CONFIG: at('apt.conf'), ...env },
      signal,
    });
  say(`reading what ${archive.uri} has in ${archive.suite}`);
  await apt('-qq', '-o', 'APT::Update::Error-Mode=any', 'update');
  const plan = await apt('-s', 'install', 'rabbitmq-server');
  const packages = [...plan.matchAll(/^Inst (\S+)/gm)].map(([, name = '']) => name).filter((name) => needed.test(name));
  const total = [...(await apt('-qq', '--print-uris', 'download', ...packages)).matchAll(/^'\S+ \S+ (\d+)/gm)].reduce(
    (sum, [, bytes]) => sum + Number(bytes),
    0,
  );
  const progress = setInterval(() => {
    void folderSize(at('packages')).then((bytes) => say(`fetched ${megabytes(bytes)} of ${megabytes(total)} MB`));
  }, 2_000);
  try {
    say(`fetching ${packages.length} packages, ${megabytes(total)} MB, of ${archive.suite} from ${archive.uri}`);
    await apt('-qq', 'download', ...packages);
  } finally {
    clearInterval(progress);
  }
  return (await readdir(at('packages'))).filter((name) => name.endsWith('.deb')).map((name) => at('packages', name));
}

function aptConfiguration(folder: string, archive: Archive): string {
  return `
Dir::State "${folder}"; Dir::State::Lists "${folder}/lists"; Dir::State::status "${folder}/status";
Dir::Cache "${folder}"; Dir::Cache::archives "${folder}/packages"; Dir::Log "${folder}";
Dir::Etc::SourceList "${folder}/sources.list"; Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null"; Dir::Etc::PreferencesParts "/dev/null";
APT::Architecture "${archive.architecture}"; #clear APT::Architectures; APT::Architectures { "${archive.architecture}"; };
APT::Install-Recommends "false"; Acquire::Languages "none"; Acquire::Retries "3";
Debug::NoLocking "true";
# root's apt would fetch as the user _apt, who can't reach root's cache folder, and warn of it
APT::Sandbox::User "root";
# the machine's hooks are for changes to the machine
#clear APT::Update::Pre-Invoke; #clear APT::Update::Post-Invoke; #clear APT::Update::Post-Invoke-Success;
`;
}

async function folderSize(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(folder, { recursive: true }).catch(() => []))
    bytes += await stat(path.join(folder, name)).then(
      (entry) => (entry.isFile() ? entry.size : 0),
      () => 0,
    );
  return bytes;
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1e6);
}
