import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, it } from 'node:test';
import { designScenarios } from '../../src/measure/scenarios/designs.ts';
import { implementationScenarios } from '../../src/measure/scenarios/implementations.ts';
import { expectNoQueues, folderFor, queuesIn, readJson } from '../../test-helpers/measure/comparison-run.ts';
import { knownContenders } from '../../test-helpers/measure/known-document.ts';
import { testVersion } from '../../test-helpers/own-broker.ts';
import { start } from '../../test-helpers/programs.ts';

const designs = ['per-request', 'exclusive', 'direct'];
const libraries = ['fib-worker', 'floor', 'rabbitmq-client', 'amqplib', 'amqp-client'];
const programs = ['fib-worker', 'floor', 'amqplib', 'node'];

describe('the scenarios of dist/compare.js', () => {
  it('measure every design of the library and of the floor, and leave no queue', async (t) => {
    const json = path.join(await folderFor(t), 'a.json');
    const args = ['--rounds', '1', '--calls', '3', '--clients', '2,3', '--rate', '50', '--json', json];
    const { code, stdout, stderr } = await start(t, 'compare.js', args).end();
    assert.equal(code, 0, stderr);
    const { samples, scenarios, wire, question } = await readJson(json);
    assert.equal(question, 'designs');
    const taken = designScenarios.filter(({ name }) => name !== 'tls'); // that takes a broker of its own
    assert.deepEqual(
      scenarios.map(({ name }) => name),
      taken.map(({ name }) => name),
    );
    const every = ['fib-worker', 'floor'].flatMap((name) => designs.map((design) => `${name} ${design}`));
    for (const { name, levels, headline } of scenarios) {
      for (const { level } of levels) {
        const own = samples.filter((one) => one.scenario === name && one.level === level);
        const { contenders = () => true } = taken.find((one) => one.name === name) ?? {};
        const wanted = knownContenders.filter((one) => contenders(one, level)).map((one) => one.name);
        assert.deepEqual(new Set(own.map(({ contender }) => contender)), new Set(wanted), `${name} ${level}`);
        for (const { calls, failed, figures, firstFailure } of own) {
          assert.equal(failed, 0, `${name} ${level}: ${firstFailure}`);
          assert.equal(calls, name === 'burst' ? 500 : 3, name);
          assert.ok((figures[headline] ?? 0) > 0, `${name} ${level} ${headline}`);
        }
      }
    }
    assert.deepEqual(new Set(wire?.entries.map(({ contender }) => contender)), new Set(every));
    assert.match(stdout, /^what goes over the client’s connection$/m);
    await expectNoQueues(stderr, queuesIn(stderr).length);
  });

  it('measure TLS on a node of their own', async (t) => {
    const json = path.join(await folderFor(t), 'a.json');
    const version = testVersion();
    const broker = version === undefined ? ['--nodes', '1'] : ['--rabbitmq', version];
    const args = ['--only', 'tls', '--rtt', '5ms', '--rounds', '1', '--calls', '3', '--json', json];
    const { code, stderr } = await start(t, 'compare.js', [...broker, ...args], { url: null }).end();
    assert.equal(code, 0, stderr);
    if (/of our own in Docker/.test(stderr)) {
      assert.match(stderr, /^left out: tls, /m);
      return;
    }
    const { samples } = await readJson(json);
    assert.equal(samples.length, 8);
    for (const { contender, level, failed, figures } of samples) {
      assert.equal(failed, 0, contender);
      // the way is as long as it was asked for, and a handshake over it costs round trips
      assert.ok((figures.p50 ?? 0) >= (level === 1 ? 30 : 5), `${contender} ${level}: ${figures.p50} ms`);
    }
  });

  it('measure every library, and whole programs', async (t) => {
    const json = path.join(await folderFor(t), 'a.json');
    const args = ['--implementations', '--rounds', '1', '--calls', '3', '--json', json];
    const { code, stdout, stderr } = await start(t, 'compare.js', args).end();
    assert.equal(code, 0, stderr);
    const { samples, scenarios, question } = await readJson(json);
    assert.equal(question, 'implementations');
    assert.deepEqual(
      scenarios.map(({ name }) => name),
      implementationScenarios([]).map(({ name }) => name),
    );
    for (const { name, levels, headline } of scenarios) {
      const own = samples.filter((one) => one.scenario === name);
      const found = new Set(own.map(({ contender }) => contender));
      const wanted = /^start/.test(name) ? programs : /^(workers|growth)$/.test(name) ? ['fib-worker'] : libraries;
      for (const contender of wanted) assert.ok(found.has(contender), `${name}: ${contender}`);
      assert.ok(own.length >= levels.length * wanted.length, name);
      for (const { failed, figures, firstFailure, contender } of own) {
        assert.equal(failed, 0, `${name}, ${contender}: ${firstFailure}`);
        assert.ok((figures[headline] ?? 0) > 0, `${name}, ${contender}: ${headline}`);
      }
    }
    const growth = scenarios.find(({ name }) => name === 'growth')?.levels.map(({ label }) => label);
    assert.deepEqual(growth, ['calls', 'calls, one signal', 'client.js', 'client.js, unread']);
    assert.match(stdout, /^Which library\? RabbitMQ /m);
    await expectNoQueues(stderr, queuesIn(stderr).length);
  });
});
