import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brokerEnv, brokerOptions, readBrokerOptions } from '../../src/cli/broker-options.ts';
import { parseCommandLine } from '../../src/cli/command-line.ts';
import { UsageError } from '../../src/cli/option.ts';

const [url, other] = ['amqp://here', 'amqp://there'];

test('a broker is found by --url, or else by the variables as they are', () => {
  const both = { AMQP_URL: url, AMQP_URL_FILE: '/run/secrets/url', HOME: '/' };
  assert.deepEqual(brokerEnv({ url: undefined }, { HOME: '/' }), { HOME: '/' });
  assert.deepEqual(brokerEnv({ url: [url] }, both), both); // of AMQP_URL: who reads them refuses both together
  assert.deepEqual(brokerEnv({ url: [other, url] }, both), {
    AMQP_URL: `${other},${url}`,
    AMQP_URL_FILE: '',
    HOME: '/',
  });
});

test('a broker of our own is none that is named', () => {
  assert.deepEqual(brokerEnv({ url: undefined, rabbitmq: '4.3', nodes: 3 }, {}), {});
  for (const [choice, env, named] of [
    [{ url: [url], rabbitmq: '4.3' }, {}, /^--rabbitmq starts a broker of our own/],
    [{ url: [url], nodes: 3 }, { AMQP_URL: url }, /^--nodes starts/],
    [{ url: undefined, rabbitmq: '4.3' }, { AMQP_URL_FILE: '/x' }, /^--rabbitmq starts/],
  ] as const) {
    assert.throws(
      () => brokerEnv(choice, env),
      (error) => error instanceof UsageError && named.test(error.message),
    );
  }
});

test('a flag that is for amqps:// needs such a URL; a variable does not, for it may be set wherever a program runs', () => {
  const read = (argv: readonly string[], env: Record<string, string>) => {
    const program = { name: 'program', version: '0', usage: '', summary: '', options: brokerOptions('') };
    const command = parseCommandLine(program, argv, env);
    return command.kind === 'run' ? readBrokerOptions(command.values, env) : undefined;
  };
  const name = ['--servername', 'broker.example'];
  const [plain, byTls] = [`${url},${other}`, `${url},amqps://there`];
  assert.deepEqual(read([...name, '--url', byTls], {})?.tls, { servername: 'broker.example' });
  assert.deepEqual(read([], { AMQP_URL: plain, AMQP_SERVERNAME: 'broker.example', AMQP_CA_FILE: '' }), {
    urls: [url, other],
  });
  const unused = { AMQP_URL: plain, AMQP_CA_FILE: '/nowhere/ca.pem', AMQP_KEY_FILE: '/nowhere/key.pem' };
  assert.deepEqual(read([], unused), { urls: [url, other] }, 'nor need it name a file that is there');
  for (const [argv, env] of [
    [[...name, '--url', plain], {}],
    [name, { AMQP_URL: plain, AMQP_SERVERNAME: 'another.example' }],
    [name, {}],
  ] as const) {
    const message = '--servername is for amqps://, and no URL is: write amqps://, or leave --servername out';
    assert.throws(() => read(argv, env), { name: 'UsageError', message });
  }
});
