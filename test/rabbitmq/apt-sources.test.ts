import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownSource, parseList, parseOsRelease, parseSources } from '../../src/rabbitmq/apt-sources.ts';

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

test('the one-line form is read, with options and without, comments and source entries left out', () => {
  const sources = parseList(`
# deb http://commented.out/debian bookworm main
deb http://deb.debian.org/debian bookworm main contrib # a comment
deb-src http://deb.debian.org/debian bookworm main
deb [arch=amd64 signed-by=${keyring}] https://mirror.example/debian/ trixie main
`);
  assert.deepEqual(sources, [
    { uri: 'http://deb.debian.org/debian', suite: 'bookworm', components: ['main', 'contrib'], signedBy: undefined },
    { uri: 'https://mirror.example/debian/', suite: 'trixie', components: ['main'], signedBy: keyring },
  ]);
});

test('the deb822 form is read: several stanzas, comments inside, folded lines, every URI with every suite', () => {
  const sources = parseSources(`Types: deb deb-src
# http://snapshot.debian.org/archive/debian/20250520T000000Z
URIs: http://deb.debian.org/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: ${keyring}

Types: deb
URIs: http://a.example/debian
  http://b.example/debian
Suites: sid
Components: main
 universe
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mDMEXyz
`);
  assert.deepEqual(
    sources.map(({ uri, suite }) => `${uri} ${suite}`),
    [
      'http://deb.debian.org/debian bookworm',
      'http://deb.debian.org/debian bookworm-updates',
      'http://a.example/debian sid',
      'http://b.example/debian sid',
    ],
  );
  assert.equal(sources[0]?.signedBy, keyring);
  assert.deepEqual(sources[2]?.components, ['main', 'universe']);
  assert.equal(sources[2]?.signedBy, undefined);
});

test('a deb822 stanza that is disabled, or for source packages only, is left out', () => {
  const stanza = 'URIs: http://deb.debian.org/debian\nSuites: bookworm\nComponents: main\n';
  assert.deepEqual(parseSources(`Types: deb\nEnabled: no\n${stanza}\nTypes: deb-src\n${stanza}`), []);
});

test("the distribution's own archive is found among pockets and third parties", () => {
  const sources = [
    ...parseList(`deb [signed-by=/usr/share/keyrings/docker.gpg] https://download.docker.com/linux/debian bookworm main
deb https://deb.nodesource.com/node_20.x nodistro main
deb http://deb.debian.org/debian-security bookworm-security main
deb http://deb.debian.org/debian bookworm-updates main
deb http://deb.debian.org/debian trixie main
deb http://near.example/debian bookworm main`),
  ];
  assert.equal(ownSource(sources, 'debian', 'bookworm')?.uri, 'http://near.example/debian');
  assert.equal(ownSource(sources, 'debian', 'forky')?.uri, 'http://deb.debian.org/debian');
  assert.equal(ownSource(sources, 'ubuntu', 'noble'), undefined);
});

test("a cloud image's mirror list and Ubuntu's ports count as the distribution's own archive", () => {
  const cloud = parseSources(
    'Types: deb\nURIs: mirror+file:///etc/apt/mirrors/debian.list\nSuites: trixie\nComponents: main\n',
  );
  assert.equal(ownSource(cloud, 'debian', 'trixie')?.uri, 'mirror+file:///etc/apt/mirrors/debian.list');
  const ports = parseList('deb http://ports.ubuntu.com/ubuntu-ports noble main universe');
  assert.equal(ownSource(ports, 'ubuntu', 'noble')?.uri, 'http://ports.ubuntu.com/ubuntu-ports');
});

test('os-release tells Debian, Ubuntu and its children from the rest', () => {
  assert.deepEqual(parseOsRelease('ID=debian\nVERSION_CODENAME=bookworm\n'), {
    distribution: 'debian',
    suite: 'bookworm',
  });
  assert.deepEqual(parseOsRelease('ID=linuxmint\nVERSION_CODENAME=wilma\nUBUNTU_CODENAME="noble"\n'), {
    distribution: 'ubuntu',
    suite: 'noble',
  });
  assert.equal(parseOsRelease('ID=fedora\nVERSION_CODENAME=""\n'), undefined);
  assert.equal(parseOsRelease(''), undefined);
});
