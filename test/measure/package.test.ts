import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { named, versions } from '../../src/measure/contenders/package.ts';

const manifest = (folder: string) =>
  JSON.parse(readFileSync(new URL(`../../${folder}package.json`, import.meta.url), 'utf8')) as { version: string };

test('a package that is measured is named with the version that is installed, also from source', () => {
  for (const name of ['amqplib', '@cloudamqp/amqp-client', 'rabbitmq-client'])
    assert.equal(named(name), `${name} ${manifest(`node_modules/${name}/`).version}`);
  assert.equal(versions['fib-worker'], manifest('').version);
});
