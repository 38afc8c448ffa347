import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import tls from 'node:tls';
import { createAuthority } from '../../src/rabbitmq/certificates.ts';
import { freePorts } from '../../src/rabbitmq/ports.ts';
import { administeredBroker } from '../../test-helpers/broker.ts';
import { listenByTls, startListener } from '../../test-helpers/listeners.ts';
import { cleanUp, runClient, start, startWorker, uniqueQueue } from '../../test-helpers/programs.ts';

/** An address of this machine that is not its loopback, as another machine would use. */
const outside = Object.values(os.networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;

let folder = '';
let broker: Awaited<ReturnType<typeof administeredBroker>> | undefined;
let tlsPort: number | undefined;
let expiredPort = 0;
let terminator: tls.Server | undefined;

const file = (name: string) => path.join(folder, name);

/** The broker's plain URL; skips the test where the broker is one that can't be set up as these tests need it. */
function plainUrl(t: TestContext): string | undefined {
  if (!broker) throw new Error('the broker did not start');
  if (tlsPort !== undefined) return broker.url;
  t.skip('the RabbitMQ runs in Docker, where its files and addresses are not this machine’s');
  return undefined;
}

describe('with a broker that speaks TLS', { concurrency: 3 }, () => {
  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'fib-worker-tls-'));
    const authority = createAuthority();
    const { cert, key } = authority.issue('localhost');
    await writeFile(file('ca.pem'), authority.ca);
    await writeFile(file('other-ca.pem'), createAuthority('another CA').ca);
    await writeFile(file('cert.pem'), cert);
    await writeFile(file('key.pem'), key);
    const expired = authority.issueExpired('localhost');
    await writeFile(file('expired.key'), expired.key);
    await writeFile(file('cert.der'), new X509Certificate(cert).raw);
    const encrypted = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' } as const;
    await writeFile(file('encrypted.key'), createPrivateKey(key).export(encrypted));
    // the handshake is refused before there is any AMQP, so what is behind it does not matter
    terminator = tls.createServer(expired).listen(0, '127.0.0.1');
    terminator.on('tlsClientError', () => {});
    await once(terminator, 'listening');
    expiredPort = (terminator.address() as AddressInfo).port;
    broker = await administeredBroker();
    tlsPort = await listenByTls(broker, { ca: file('ca.pem'), cert: file('cert.pem'), key: file('key.pem') });
  });
  after(async () => {
    await broker?.[Symbol.asyncDispose]();
    terminator?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('worker and client reach it by amqps:// and --ca', async (t) => {
    const plain = plainUrl(t);
    if (plain === undefined) return;
    const queue = uniqueQueue(t, plain);
    const url = `amqps://guest:guest@localhost:${tlsPort}`;
    await startWorker(t, ['--queue', queue, '--ca', file('ca.pem')], { url });
    const client = await runClient(t, ['--queue', queue, '-q', '--ca', file('ca.pem'), '21', '100000'], { url });
    assert.equal(client.code, 0, client.stderr);
    assert.match(client.stdout, /^10946\n\d{20899}\n$/);
  });

  it('worker and client take the CA from AMQP_CA_FILE', async (t) => {
    const plain = plainUrl(t);
    if (plain === undefined) return;
    const queue = uniqueQueue(t, plain);
    const options = { url: `amqps://localhost:${tlsPort}`, env: { AMQP_CA_FILE: file('ca.pem') } };
    await startWorker(t, ['--queue', queue], options);
    assert.equal((await runClient(t, ['--queue', queue, '-q', '22'], options)).stdout, '17711\n');
  });

  it('worker and client take AMQP_CA_FILE along to a plain port, for it may be set wherever they run', async (t) => {
    const url = plainUrl(t);
    if (url === undefined) return;
    const queue = uniqueQueue(t, url);
    const options = { url, env: { AMQP_CA_FILE: file('ca.pem') } };
    await startWorker(t, ['--queue', queue], options);
    assert.equal((await runClient(t, ['--queue', queue, '-q', '22'], options)).stdout, '17711\n');
  });

  it('worker and client know it by --servername where its URL has another name, or an address', async (t) => {
    const plain = plainUrl(t);
    if (plain === undefined) return;
    const queue = uniqueQueue(t, plain);
    const url = `amqps://guest:guest@127.0.0.1:${tlsPort}`;
    const tlsArgs = ['--ca', file('ca.pem'), '--servername', 'localhost'];
    await startWorker(t, ['--queue', queue, ...tlsArgs], { url });
    assert.equal((await runClient(t, ['--queue', queue, '-q', ...tlsArgs, '20'], { url })).stdout, '6765\n');
    const env = { AMQP_CA_FILE: file('ca.pem'), AMQP_SERVERNAME: 'localhost' };
    assert.equal((await runClient(t, ['--queue', queue, '-q', '21'], { url, env })).stdout, '10946\n');
  });

  const refusals: readonly (readonly [what: string, host: string, ca: string | undefined, line: RegExp])[] = [
    ['without --ca', 'localhost', undefined, /the certificate of localhost:\d+ is not accepted \(\w+\): give the CA/],
    ['with another CA', 'localhost', 'other-ca.pem', /the certificate of localhost:\d+ is not accepted \(\w+\)/],
    [
      'by another host name',
      '127.0.0.1',
      'ca.pem',
      /the certificate of 127\.0\.0\.1:\d+ .*\(ERR_TLS_CERT_ALTNAME_INVALID\)/,
    ],
  ];
  for (const [what, host, ca, line] of refusals) {
    it(`worker and client refuse its certificate ${what}, and say so in a line`, async (t) => {
      if (plainUrl(t) === undefined) return;
      const url = `amqps://guest:guest@${host}:${tlsPort}`;
      const args = ca === undefined ? [] : ['--ca', file(ca)];
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

  it('worker and client refuse a certificate that has expired, and say so in a line', async (t) => {
    if (plainUrl(t) === undefined) return;
    const url = `amqps://guest:guest@localhost:${expiredPort}`;
    const args = ['--ca', file('ca.pem')];
    const line = /the certificate of localhost:\d+ has expired \(CERT_HAS_EXPIRED\): renew it there/;
    const client = await runClient(t, [...args, '30'], { url });
    assert.equal(client.code, 6, client.stderr);
    assert.match(client.stderr, line);
    const worker = start(t, 'worker.js', [...args, '--log', 'text'], { url });
    await worker.says(/next attempt/, 2);
    assert.match(worker.stderr, line);
    assert.equal((await worker.stop()).code, 0);
  });

  const wrongFiles: readonly (readonly [what: string, args: readonly string[], line: RegExp])[] = [
    ['a certificate without its key', ['--cert', 'cert.pem'], /^--cert without --key: /],
    ['a key without its certificate', ['--key', 'key.pem'], /^--key without --cert: /],
    [
      'a key of another certificate',
      ['--cert', 'cert.pem', '--key', 'expired.key'],
      /^--key .*expired\.key: is not the /,
    ],
    ['an encrypted key', ['--cert', 'cert.pem', '--key', 'encrypted.key'], /^--key .*: it is encrypted/],
    [
      'a certificate for a key',
      ['--cert', 'cert.pem', '--key', 'cert.pem'],
      /^--key .*: expected a private key in PEM/,
    ],
    ['a key for a certificate', ['--cert', 'key.pem', '--key', 'key.pem'], /^--cert .*: expected a certificate in PEM/],
    ['a certificate in DER', ['--cert', 'cert.der', '--key', 'key.pem'], /^--cert .*: expected a certificate in PEM/],
    ['a key for a CA', ['--ca', 'key.pem'], /^--ca .*: expected a certificate in PEM/],
    ['a missing file', ['--cert', 'none.pem', '--key', 'key.pem'], /^--cert .*: can't be read \(ENOENT/],
    ['a folder', ['--cert', 'cert.pem', '--key', '.'], /^--key .*: can't be read \(EISDIR/],
    ['a CA without amqps://', ['--ca', 'ca.pem'], /^--ca is for amqps:\/\/, and no URL is: write amqps:\/\/, or /],
  ];
  for (const [what, args, line] of wrongFiles) {
    it(`${what} is a wrong use of worker and client: one line, and exit code 2`, async (t) => {
      const paths = args.map((arg) => (arg.startsWith('--') ? arg : file(arg)));
      for (const program of ['worker', 'client']) {
        const { code, stdout, stderr } = await start(t, `${program}.js`, paths, { url: null, input: '' }).end();
        assert.deepEqual([code, stdout], [2, ''], stderr);
        assert.match(stderr, /^fib-\w+: [^\n]+\n$/);
        assert.match(stderr.slice(`fib-${program}: `.length), line);
      }
    });
  }

  it('a plain port is not taken for a TLS port, nor a TLS port for a plain one', async (t) => {
    const plain = plainUrl(t);
    if (plain === undefined) return;
    const wrong: readonly (readonly [string, RegExp])[] = [
      [plain.replace('amqp:', 'amqps:'), /5671|TLS/],
      [`amqp://guest:guest@localhost:${tlsPort}`, /5671|TLS/],
    ];
    for (const [url, line] of wrong) {
      const { code, stderr } = await runClient(t, ['-q', '30'], { url });
      assert.equal(code, 6, stderr);
      assert.match(stderr, line);
    }
  });

  it('guest is refused from outside, and worker and client say why and what to do', async (t) => {
    const plain = plainUrl(t);
    if (plain === undefined) return;
    if (outside === undefined) return t.skip('this machine has no address but its loopback');
    const [outsidePort = 0] = await freePorts(1);
    const address = `{"${outside}", ${outsidePort}, inet}`;
    const loopbackUsers = (list: string) => `application:set_env(rabbit, loopback_users, ${list})`;
    await broker?.ctl(
      'eval',
      `${startListener('start_tcp_listener', address, '2')}, ${loopbackUsers('[<<"guest">>]')}.`,
    );
    cleanUp(t, () => broker?.ctl('eval', `rabbit_networking:stop_tcp_listener(${address}), ${loopbackUsers('[]')}.`));
    for (const url of [`amqp://${outside}:${outsidePort}`, `amqp://guest:guest@${outside}:${outsidePort}`]) {
      const client = await runClient(t, ['-q', '30'], { url });
      assert.equal(client.code, 6, client.stderr);
      assert.match(client.stderr, /refused the user 'guest' \(ACCESS_REFUSED\): by default guest may log in from the/);
      assert.match(client.stderr, /create a user .* and put it into the URL/);
      const worker = start(t, 'worker.js', ['--log', 'text'], { url });
      await worker.says(/guest may log in from the broker's own host only.*next attempt/, 2);
      assert.equal((await worker.stop()).code, 0);
    }
    await broker?.ctl('eval', `${loopbackUsers('[]')}.`);
    const queue = uniqueQueue(t, plain);
    await startWorker(t, ['--queue', queue], { url: `amqp://${outside}:${outsidePort}` });
  });
});
