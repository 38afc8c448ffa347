import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { startContainer } from '../../src/rabbitmq/docker.ts';
import { findBroker } from '../../src/rabbitmq/find.ts';
import { freePorts } from '../../src/rabbitmq/ports.ts';
import { amqpUrl } from '../../test-helpers/broker.ts';

test('AMQP_URL wins over any other broker', async () => {
  const said: string[] = [];
  const broker = await findBroker({
    env: { AMQP_URL: amqpUrl() },
    say: (line) => said.push(line),
    localUrl: 'amqp://127.0.0.1:1',
  });
  assert.equal(broker.owned, false);
  assert.match(broker.description, /^RabbitMQ \d.*named by AMQP_URL/);
  assert.deepEqual(said, [`using ${broker.description}`]);
});

test('of several in AMQP_URL, the first that answers is taken', async () => {
  const [port] = await freePorts(1);
  const broker = await findBroker({ env: { AMQP_URL: `amqp://127.0.0.1:${port},${amqpUrl()}` }, say: () => {} });
  assert.equal(broker.url, amqpUrl());
});

test('of several in AMQP_URL, those that answer are there for connections that are to sit on different nodes', async () => {
  const [port] = await freePorts(1);
  const said: string[] = [];
  const other = amqpUrl().replace('127.0.0.1', 'localhost');
  const broker = await findBroker({
    env: { AMQP_URL: `${other},amqp://127.0.0.1:${port},${amqpUrl()}` },
    say: (line) => said.push(line),
  });
  assert.equal(broker.url, other);
  assert.deepEqual(broker.urls, [other, amqpUrl()]);
  assert.match(said[0] ?? '', new RegExp(`^left out: no RabbitMQ answers at 127.0.0.1:${port}`));
});

test('an AMQP_URL that fails is an error, and nothing else is tried', async () => {
  const [port] = await freePorts(1);
  const env = { AMQP_URL: `amqp://user:hunter2@127.0.0.1:${port}` };
  await assert.rejects(findBroker({ env, say: assert.fail, localUrl: amqpUrl() }), (error: Error) => {
    assert.match(error.message, new RegExp(`^AMQP_URL: no RabbitMQ answers at 127.0.0.1:${port}`));
    assert.doesNotMatch(error.message, /hunter2|\n/);
    return true;
  });
});

test('an AMQP_URL that is no URL is an error that shows no password', async () => {
  await assert.rejects(
    findBroker({ env: { AMQP_URL: 'http://user:hunter2@host' }, say: assert.fail }),
    (error: Error) => {
      assert.match(error.message, /amqp:\/\//);
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    },
  );
});

test('without AMQP_URL, a broker on this machine is taken', async () => {
  const broker = await findBroker({ env: {}, say: () => {}, localUrl: amqpUrl() });
  assert.equal(broker.owned, false);
  assert.match(broker.description, /found there/);
});

test('AMQP_URL_FILE is taken as AMQP_URL is, but not both', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'fib-worker-find-'));
  try {
    const file = path.join(folder, 'url');
    await writeFile(file, `${amqpUrl()}\n`);
    const broker = await findBroker({ env: { AMQP_URL_FILE: file }, say: () => {} });
    assert.equal(broker.url, amqpUrl());
    const both = findBroker({ env: { AMQP_URL_FILE: file, AMQP_URL: amqpUrl() }, say: assert.fail });
    await assert.rejects(both, /^Error: AMQP_URL and AMQP_URL_FILE: both are set/);
    const missing = findBroker({ env: { AMQP_URL_FILE: `${file}.not` }, say: assert.fail });
    await assert.rejects(missing, /^Error: AMQP_URL_FILE: "[^"]+" can't be read \(ENOENT\)/);
    const mistaken = findBroker({ env: { AMQP_URL_FILE: 'amqp://user:hunter2@host' }, say: assert.fail });
    await assert.rejects(mistaken, /^Error: AMQP_URL_FILE: "amqp:\/\/user:\*\*\*" can't be read \(ENOENT\)/);
    await writeFile(file, 'amqp://host:5672\namqp://other:5672');
    const several = findBroker({ env: { AMQP_URL_FILE: file }, say: assert.fail });
    await assert.rejects(several, /^Error: AMQP_URL_FILE: expected an AMQP URL such as .*, but it has several lines/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('AMQP_CA_FILE is read where AMQP_URL is amqps://, and only there', async () => {
  const AMQP_CA_FILE = '/nowhere/ca.pem';
  const plain = await findBroker({ env: { AMQP_URL: amqpUrl(), AMQP_CA_FILE }, say: () => {} });
  assert.equal(plain.url, amqpUrl());
  const byTls = findBroker({ env: { AMQP_URL: 'amqps://localhost', AMQP_CA_FILE }, say: assert.fail });
  await assert.rejects(byTls, /^Error: AMQP_CA_FILE: "\/nowhere\/ca\.pem" can't be read \(ENOENT\)/);
});

test('a DOCKER_HOST that is empty counts as not set: the engine is where the context of `docker` says', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'fib-worker-find-'));
  const { PATH, DOCKER_HOST } = process.env;
  try {
    const script = '#!/bin/sh\necho "$*" >> "$0.log"\ncase $1 in context) echo tcp://192.0.2.1;; create) exit 1;; esac';
    await writeFile(path.join(folder, 'docker'), script, { mode: 0o755 });
    Object.assign(process.env, { PATH: `${folder}${path.delimiter}${PATH}`, DOCKER_HOST: '' });
    await assert.rejects(startContainer({ say: () => {} }));
    const asked = await readFile(path.join(folder, 'docker.log'), 'utf8');
    assert.match(asked, /^create .*--publish \d+:5672 /m); // on all addresses of that machine
  } finally {
    Object.assign(process.env, { PATH, DOCKER_HOST: DOCKER_HOST ?? '' });
    await rm(folder, { recursive: true });
  }
});
