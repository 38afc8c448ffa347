import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import tls from 'node:tls';
import { createAuthority } from '../../src/rabbitmq/certificates.ts';
import { administeredBroker } from '../../test-helpers/broker.ts';
import { httpServer, openGate } from '../../test-helpers/gate.ts';
import { addUsers } from '../../test-helpers/own-broker.ts';
import { deadUrl, start, uniqueQueue, urlWith } from '../../test-helpers/programs.ts';

const USER = 'service';
const PASSWORD = 'hunter2/Zebra:Walrus%Koala@Quokka';
/** How it must not appear, whole or in part, as it is or as SASL PLAIN or a URL carries it. */
const secrets = [
  ...PASSWORD.split(/[^A-Za-z0-9]/),
  encodeURIComponent(PASSWORD),
  encodeURI(PASSWORD),
  Buffer.from(PASSWORD).toString('base64'),
  Buffer.from(`\0${USER}\0${PASSWORD}`).toString('base64'),
];

let broker: Awaited<ReturnType<typeof administeredBroker>> | undefined;
let folder = '';
let selfSigned: tls.Server | undefined;
let selfSignedPort = 0;

/** A URL with the password, as it should be written. */
function secretUrl(parts: { pathname?: string; host?: string } = {}, url = broker?.url ?? ''): string {
  const text = urlWith({ username: USER, password: encodeURIComponent(PASSWORD), pathname: parts.pathname ?? '' }, url);
  return parts.host === undefined ? text : text.replace(/@[^/]+/, `@${parts.host}`);
}

interface Way {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A way to fail. Where it is only a URL, all programs take it, else only those that have the option. */
interface Failure {
  readonly what: string;
  /** It is a wrong use, told before there is a log or an answer: their format makes no difference. */
  readonly usage?: true;
  readonly url?: (t: TestContext) => string | Promise<string>;
  readonly way?: (t: TestContext) => Way | Promise<Way>;
}

const failures: readonly Failure[] = [
  { what: 'a wrong password', url: () => secretUrl().replace('hunter2', 'hunter2X') },
  { what: 'an unknown user', url: () => secretUrl().replace(USER, 'nobody') },
  { what: 'nothing listens', url: async () => secretUrl({}, await deadUrl()) },
  {
    what: 'several URLs, and nothing listens',
    url: async () => [secretUrl({}, await deadUrl()), secretUrl({}, await deadUrl())].join(','),
  },
  { what: 'a host that there is not', url: () => secretUrl({ host: 'no-such-host.invalid:5672' }) },
  { what: 'a virtual host that there is not', url: () => secretUrl({ pathname: '/nowhere' }) },
  { what: 'no permissions at all', url: () => secretUrl() },
  { what: 'a plain port taken for TLS', url: () => secretUrl().replace('amqp:', 'amqps:') },
  {
    what: 'a certificate that nobody trusts',
    url: () => secretUrl({ host: `localhost:${selfSignedPort}` }).replace('amqp:', 'amqps:'),
  },
  { what: 'an HTTP server', url: async (t) => secretUrl({}, await httpServer(t)) },
  {
    what: 'a server that hangs up',
    url: async (t) => {
      const gate = await openGate(t, broker?.url ?? '');
      gate.refuse = true;
      return secretUrl({}, gate.url);
    },
  },
  { what: 'a password that is not encoded', usage: true, url: () => `amqp://${USER}:${PASSWORD}@127.0.0.1:1` },
  { what: 'a password with spaces', usage: true, url: () => `amqp://${USER}:hunter2 Zebra Walrus%Koala@127.0.0.1` },
  { what: 'a password with a #', usage: true, url: () => `amqp://${USER}:hunter2#Zebra@127.0.0.1:1` },
  { what: 'a port that is none', usage: true, url: () => secretUrl({ host: '127.0.0.1:99999' }) },
  { what: 'no host', usage: true, url: () => secretUrl({ host: '' }) },
  { what: 'no scheme', usage: true, url: () => secretUrl().replace('amqp://', '') },
  { what: 'another scheme', usage: true, url: () => secretUrl().replace('amqp:', 'http:') },
  { what: 'a wrong heartbeat', usage: true, url: () => `${secretUrl()}?heartbeat=often` },
  { what: 'a wrong flag', usage: true, way: () => ({ args: [`--url=${PASSWORD}`] }) },
  { what: 'a misspelt flag', usage: true, way: () => ({ args: [`--ulr=${secretUrl()}`] }) },
  { what: 'the URL for another option', usage: true, way: () => ({ args: ['--ca', secretUrl()] }) },
  { what: 'the URL for its file', usage: true, way: () => ({ args: ['--url-file', secretUrl()] }) },
  {
    what: 'the URL for a number',
    usage: true,
    way: () => ({ args: ['--prefetch', secretUrl(), '--concurrency', secretUrl()] }),
  },
  { what: 'the URL for a word', usage: true, way: () => ({ args: ['--log', secretUrl(), '--reply', secretUrl()] }) },
  {
    what: 'the URL for the queue',
    way: async () => ({ args: ['--queue', secretUrl()], env: { AMQP_URL: broker?.url ?? '' } }),
  },
  { what: 'the URL for an argument', way: () => ({ args: [secretUrl()], env: { AMQP_URL: broker?.url ?? '' } }) },
  {
    what: 'a URL with spaces for an argument',
    usage: true,
    way: () => ({ args: [`amqp://${USER}:hunter2 Zebra@127.0.0.1`] }),
  },
  {
    what: 'a URL without its // and its @ for an argument',
    usage: true,
    way: () => ({ args: [`amqp:${USER}:hunter2`] }),
  },
  { what: 'a URL that lacks its @ for an option', usage: true, way: () => ({ args: [`--amqp://${USER}:/hunter2`] }) },
  {
    what: 'the URL without its scheme for an argument',
    usage: true,
    way: () => ({ args: [secretUrl().replace('amqp://', '')], env: { AMQP_URL: broker?.url ?? '' } }),
  },
  {
    what: 'the URL twice',
    usage: true,
    way: async () => ({ args: ['--url-file', await urlFile(secretUrl())], env: { AMQP_URL: secretUrl() } }),
  },
  {
    what: 'a file with a wrong URL',
    usage: true,
    way: async () => ({ args: ['--url-file', await urlFile(`http://${USER}:${PASSWORD}@h`)] }),
  },
  {
    what: 'a file with two lines',
    usage: true,
    way: async () => ({ args: ['--url-file', await urlFile(`${secretUrl()}\n${secretUrl()}`)] }),
  },
  {
    what: 'a file with a wrong password',
    way: async () => ({ args: ['--url-file', await urlFile(secretUrl().replace('hunter2', 'hunter2X'))] }),
  },
];

let files = 0;
async function urlFile(content: string): Promise<string> {
  const file = path.join(folder, `url-${++files}`);
  await writeFile(file, content);
  return file;
}

const programs: readonly (readonly [name: string, file: string, args: readonly string[]])[] = [
  ['worker, text', 'worker.js', ['--log', 'text']],
  ['worker, JSON', 'worker.js', ['--log', 'json', '--log-requests']],
  ['client', 'client.js', ['-t', '2s', '--verbose']],
  ['client, JSON', 'client.js', ['-t', '2s', '--json', '--verbose']],
  ['compare', 'compare.js', ['--rounds', '1']],
  ['demo', 'demo.js', []],
];

describe('no program shows a password', { concurrency: 4 }, () => {
  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'fib-worker-secrets-'));
    selfSigned = tls.createServer(createAuthority().issue('localhost')).listen(0, '127.0.0.1');
    selfSigned.on('tlsClientError', () => {});
    await once(selfSigned, 'listening');
    selfSignedPort = (selfSigned.address() as AddressInfo).port;
    broker = await administeredBroker();
    await addUsers(broker, [{ name: USER, password: PASSWORD, configure: '^$', write: '^$', read: '^$' }]);
  });
  after(async () => {
    await broker?.[Symbol.asyncDispose]();
    selfSigned?.close();
    await rm(folder, { recursive: true, force: true });
  });

  for (const { what, usage, url, way } of failures) {
    it(`where it fails: ${what}`, async (t) => {
      for (const [name, file, args] of programs) {
        if ((!url && /compare|demo/.test(name)) || (usage && name.includes('JSON'))) continue;
        const own = (await way?.(t)) ?? {};
        const queue =
          own.args?.includes('--queue') || /compare|demo/.test(name) ? [] : ['--queue', uniqueQueue(t, broker?.url)];
        const program = start(t, file, [...args, ...queue, ...(own.args ?? [])], {
          url: (await url?.(t)) ?? null,
          env: own.env ?? {},
          input: '',
        });
        const failed = program.says(
          /next attempt|connecting again|Awaiting RPC|"event":"(consuming|retrying|disconnected)"/,
        );
        await Promise.race([failed.catch(() => {}), program.ended]);
        const { code, stdout, stderr } = await program.stop();
        const output = stdout + stderr;
        assert.notEqual(output, '', `${name} says what is wrong`);
        if (usage) assert.ok(code === 2 || name === 'demo', `${name}: exit code ${code}: ${output}`);
        assert.ok(code !== null, `${name} was killed: ${output}`);
        for (const secret of secrets) assert.ok(!output.includes(secret), `${name} shows ${secret}:\n${output}`);
        assert.doesNotMatch(output, /^ +at /m, `${name} shows a stack`);
      }
    });
  }
});
