/** One `deb` entry of apt's sources, for one suite. */
export interface AptSource {
  readonly uri: string;
  readonly suite: string;
  readonly components: readonly string[];
  /** A keyring's path; undefined where the entry names none. */
  readonly signedBy: string | undefined;
}

/** Reads apt's one-line form (`sources.list`, `*.list`): `deb [options] uri suite component…`. */
export function parseList(text: string): AptSource[] {
  const sources: AptSource[] = [];
  for (const line of text.split('\n')) {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)\s+([^#]*)/.exec(line);
    if (!match) continue;
    const [, options = '', uri = '', suite = '', components = ''] = match;
    const signedBy = /(?:^|\s)signed-by=(\S+)/i.exec(options)?.[1];
    sources.push({ uri, suite, components: words(components), signedBy });
  }
  return sources;
}

/** Reads apt's deb822 form (`*.sources`): stanzas of `Types`, `URIs`, `Suites`, `Components`, `Signed-By`, `Enabled`. */
export function parseSources(text: string): AptSource[] {
  const sources: AptSource[] = [];
  const withoutComments = text.replaceAll(/^#.*\n?/gm, '');
  for (const stanza of withoutComments.split(/\n\s*\n/)) {
    const fields = new Map<string, string>();
    // a line that begins with a space goes on with the field before it
    for (const line of stanza.replaceAll(/\n[ \t]+/g, ' ').split('\n')) {
      const [, name, value] = /^([^:\s]+):\s*(.*)$/.exec(line) ?? [];
      if (name) fields.set(name.toLowerCase(), value ?? '');
    }
    const field = (name: string) => words(fields.get(name) ?? '');
    if (!field('types').includes('deb') || /^(no|false|0|off|without|disable)$/i.test(fields.get('enabled') ?? ''))
      continue;
    // Signed-By may also hold a whole key, which is of no use to us
    const signedBy = field('signed-by').find((word) => word.startsWith('/'));
    for (const uri of field('uris'))
      for (const suite of field('suites')) sources.push({ uri, suite, components: field('components'), signedBy });
  }
  return sources;
}

function words(text: string): string[] {
  return text.split(/[\s,]+/).filter(Boolean);
}

/** The distributions whose packages we can use, and where to get them if the machine's sources do not say. */
export const distributions = {
  debian: {
    mirror: 'http://deb.debian.org/debian',
    components: ['main'],
    keyrings: ['/usr/share/keyrings/debian-archive-keyring.gpg', '/usr/share/keyrings/debian-archive-keyring.pgp'],
  },
  ubuntu: {
    mirror: 'http://archive.ubuntu.com/ubuntu',
    components: ['main', 'universe'],
    keyrings: ['/usr/share/keyrings/ubuntu-archive-keyring.gpg', '/usr/share/keyrings/ubuntu-archive-keyring.pgp'],
  },
} as const;

/** A distribution whose packages we can use. */
export type Distribution = keyof typeof distributions;

/** The distribution and suite that `/etc/os-release` tells of; undefined if it is neither Debian nor Ubuntu or a child of it. */
export function parseOsRelease(text: string): { distribution: Distribution; suite: string } | undefined {
  const value = (name: string) => new RegExp(`^${name}="?([^"\\n]*)"?$`, 'm').exec(text)?.[1];
  const ubuntu = value('UBUNTU_CODENAME');
  if (ubuntu) return { distribution: 'ubuntu', suite: ubuntu };
  const id = value('ID');
  const suite = value('VERSION_CODENAME');
  return (id === 'debian' || id === 'ubuntu') && suite ? { distribution: id, suite } : undefined;
}

/**
 * The distribution's own archive among the machine's sources: its mirror is one that the machine can reach. Left out are
 * pockets (security, updates) and third parties, which have keyrings of their own.
 */
export function ownSource(
  sources: readonly AptSource[],
  distribution: Distribution,
  suite: string,
): AptSource | undefined {
  const candidates = sources.filter(
    (source) =>
      // also `mirror+file:/etc/apt/mirrors/debian.list`, as cloud images have it
      new RegExp(`/${distribution}(-ports)?(\\.list)?/?$`).test(source.uri) &&
      source.components.includes('main') &&
      !/[-/](security|updates|backports|proposed)/.test(source.suite) &&
      (source.signedBy === undefined || source.signedBy.includes(`${distribution}-archive-keyring`)),
  );
  return candidates.find((source) => source.suite === suite) ?? candidates[0];
}
