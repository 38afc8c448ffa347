import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brokerEnv } from '../../src/cli/broker-options.ts';
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
