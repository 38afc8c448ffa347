import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { test } from 'node:test';

test('the internals of rabbitmq-client that are used are those of 5.0.8', () => {
  const main = createRequire(path.resolve('package.json')).resolve('rabbitmq-client');
  const { version } = JSON.parse(readFileSync(path.resolve(path.dirname(main), '../package.json'), 'utf8'));
  assert.equal(
    version,
    '5.0.8',
    'Another version may have changed what src/amqp/rabbitmq-client.d.ts declares. Compare lib/Connection.js, Channel.js, ' +
      'codec.js and util.js with those of 5.0.8 for: each name that is declared there; what the constructor of Connection does ' +
      'before it calls _connect, and what _connect did that ours does not; that _negotiate reads by `read` alone, unshifts what ' +
      'it looked at, and emits `connection` last; that close, _reset and _clear end all timers and waiting methods; and that ' +
      '_invoke, _rpcNext, _handleRPC and close write by nothing but _rpcNext and _writeMethod. Then run the tests, the tiers ' +
      '`faults` and `measure` among them, and change this version.',
  );
});
