import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { createAuthority } from '../../src/rabbitmq/certificates.ts';
import { administeredBroker } from '../../test-helpers/broker.ts';
import { listenByTls } from '../../test-helpers/listeners.ts';
import { runClient, start, startWorker, uniqueQueue } from '../../test-helpers/programs.ts';

let folder = '';
let broker: Awaited<ReturnType<typeof administeredBroker>> | undefined;
let port: number | undefined;
let url = '';

const file = (name: string) => path.join(folder, name);
const withCertificate = (name: string) => ['--cert', file(`${name}.pem`), '--key', file(`${name}.key`)];

/** The broker's plain URL; skips the test where the broker is one that can't be set up as these tests need it. */
function plainUrl(t: TestContext): string | undefined {
  if (!broker) throw new Error('the broker did not start');
  if (port !== undefined) return broker.url;
  t.skip('the RabbitMQ runs in Docker, where it can’t read this machine’s files');
  return undefined;
}

describe('with a broker that asks for a client certificate', { concurrency: 3 }, () => {
  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'fib-worker-tls-'));
    const authority = createAuthority();
    await writeFile(file('ca.pem'), authority.ca);
    const certificates = {
      server: authority.issue('localhost'),
      client: authority.issue('a client'),
      expired: authority.issueExpired('a client of yesterday'),
      foreign: createAuthority('another CA').issue('somebody else’s client'),
    };
    for (const [name, { cert, key }] of Object.entries(certificates)) {
      await writeFile(file(`${name}.pem`), cert);
      await writeFile(file(`${name}.key`), key);
    }
    broker = await administeredBroker();
    const files = { ca: file('ca.pem'), cert: file('server.pem'), key: file('server.key') };
    port = await listenByTls(broker, files, { askForCertificate: true });
    url = `amqps://guest:guest@localhost:${port}`;
  });
  after(async () => {
    await broker?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  it('worker and client show theirs with --cert and --key', async (t) => {
    const plain = plainUrl(t);
    if (plain === undefined) return;
    const args = ['--queue', uniqueQueue(t, plain), '--ca', file('ca.pem'), ...withCertificate('client')];
    await startWorker(t, args, { url });
    const connections = await broker?.ctl('-q', 'list_connections', 'user', 'auth_mechanism', 'peer_cert_subject');
    assert.match(connections ?? '', /^guest\tPLAIN\tCN=a client$/m, 'the login stays the URL’s');
    const client = await runClient(t, [...args, '-q', '21'], { url });
    assert.deepEqual([client.code, client.stdout, client.stderr], [0, '10946\n', '']);
  });

  it('worker and client take theirs from AMQP_CERT_FILE and AMQP_KEY_FILE', async (t) => {
    const plain = plainUrl(t);
    if (plain === undefined) return;
    const env = {
      AMQP_CA_FILE: file('ca.pem'),
      AMQP_CERT_FILE: file('client.pem'),
      AMQP_KEY_FILE: file('client.key'),
      RPC_QUEUE: uniqueQueue(t, plain),
    };
    await startWorker(t, [], { url, env });
    assert.equal((await runClient(t, ['-q', '22'], { url, env })).stdout, '17711\n');
  });

  const refused: readonly (readonly [string, readonly string[]])[] = [
    ['none', []],
    ['one of another CA', ['foreign']],
    ['an expired one', ['expired']],
  ];
  for (const [what, names] of refused) {
    it(`worker and client are refused with ${what}, and say so in a line`, async (t) => {
      if (plainUrl(t) === undefined) return;
      const args = ['--ca', file('ca.pem'), ...names.flatMap(withCertificate)];
      const line = /localhost:\d+ did not accept the client certificate, or lack of one \([\w/]+\): give one that/;
      const client = await runClient(t, [...args, '30'], { url });
      assert.equal(client.code, 6, client.stderr);
      assert.match(client.stderr, /^ \[x\] [^\n]*\n \[!\] fib\(30\): UNAVAILABLE: [^\n]*\n$/);
      assert.match(client.stderr, line);
      const worker = start(t, 'worker.js', [...args, '--log', 'text'], { url });
      await worker.says(/next attempt/, 2);
      assert.match(worker.stderr, line);
      assert.equal((await worker.stop()).code, 0);
    });
  }
});
