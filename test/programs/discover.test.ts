import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { brokerCandidates } from '../../src/programs/worker/discover.ts';

type Files = Readonly<Record<string, string>>;

const ROUTES = [
  'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT',
  'eth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0',
  'eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0',
  '',
].join('\n');

function hosts(files: Files, env: Readonly<Record<string, string>> = {}): string[] {
  const urls = brokerCandidates({ env, read: (file) => files[file] }).map((url) => new URL(url));
  for (const { protocol, username, password, port, pathname } of urls) {
    assert.deepEqual([protocol, username, password, port, pathname], ['amqp:', 'guest', 'guest', '5672', '']);
  }
  return urls.map(({ hostname }) => hostname);
}

describe('without a URL the worker looks for a broker', () => {
  it('on localhost only, where it is in no container', () => {
    assert.deepEqual(hosts({ '/proc/net/route': ROUTES, '/proc/1/cgroup': '0::/init.scope\n' }), ['localhost']);
  });

  const containers: Readonly<Record<string, Files>> = {
    Docker: { '/.dockerenv': '' },
    Podman: { '/run/.containerenv': '' },
    'a container by its cgroup': { '/proc/1/cgroup': '12:pids:/docker/0123456789abcdef\n' },
    'containerd by its cgroup': { '/proc/1/cgroup': '1:name=systemd:/system.slice/containerd.service/x\n' },
  };
  for (const [name, files] of Object.entries(containers)) {
    it(`on localhost, by the name rabbitmq, then on the host by Docker's name, then by the gateway, in ${name}`, () => {
      const expected = ['localhost', 'rabbitmq', 'host.docker.internal', '172.17.0.1'];
      assert.deepEqual(hosts({ ...files, '/proc/net/route': ROUTES }), expected);
    });
  }

  it('on localhost only in Kubernetes, container or not', () => {
    const files = { '/.dockerenv': '', '/proc/net/route': ROUTES };
    assert.deepEqual(hosts(files, { KUBERNETES_SERVICE_HOST: '10.96.0.1' }), ['localhost']);
  });

  const routes: Readonly<Record<string, readonly [string, string | undefined]>> = {
    'is missing': ['', undefined],
    'has no default route': [ROUTES.split('\n').slice(0, 2).join('\n'), undefined],
    'has a default route without a gateway': [ROUTES.replace('010011AC', '00000000'), undefined],
    'is garbage': ['\t00000000\tnonsense\n00000000\n\t\t\t', undefined],
    'has another gateway': [ROUTES.replace('010011AC', 'FE01A8C0'), '192.168.1.254'],
  };
  for (const [name, [text, gateway]] of Object.entries(routes)) {
    it(`by the gateway only if there is one: /proc/net/route ${name}`, () => {
      const found = hosts({ '/.dockerenv': '', '/proc/net/route': text }).slice(3);
      assert.deepEqual(found, gateway === undefined ? [] : [gateway]);
    });
  }

  it('without a file of routes, too', () => {
    assert.deepEqual(hosts({ '/.dockerenv': '' }), ['localhost', 'rabbitmq', 'host.docker.internal']);
  });
});
