import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import readline from 'node:readline';
import { test } from 'node:test';
import { parseAmqpUrl } from '../../src/amqp/url.ts';
import { identify } from '../../src/rabbitmq/identify.ts';
import { folderOf, startTestBroker } from '../../test-helpers/own-broker.ts';
import { noProcesses, processesOf, until } from '../../test-helpers/processes.ts';
import { disposeAfter } from '../../test-helpers/rpc.ts';

/** The part of this file that runs in the process that a test below kills. */
async function startAndHang(): Promise<void> {
  const broker = await startTestBroker();
  const folder = await folderOf(broker);
  void broker.ctl('-q', 'eval', 'timer:sleep(600000).');
  console.log(JSON.stringify({ folder }));
  await new Promise(() => setInterval(() => {}, 1_000));
}

function tests(): void {
  test('a private node is stopped, killed and started again on the same port and data', async (t) => {
    const broker = disposeAfter(t, await startTestBroker());
    const url = parseAmqpUrl(broker.url);
    const { version } = await identify(url);
    assert.equal(version, broker.version);
    assert.match(broker.description, new RegExp(version));
    await broker.ctl('-q', 'add_vhost', 'kept');
    await broker.stop();
    await assert.rejects(identify(url), { reason: 'NO_BROKER' });
    await broker.start();
    assert.match(await broker.ctl('-q', 'list_vhosts'), /kept/);
    await broker.kill();
    await assert.rejects(identify(url), { reason: 'NO_BROKER' });
    await broker.start();
    assert.match(await broker.ctl('-q', 'list_vhosts'), /kept/);
    await assert.rejects(broker.ctl('no_such_command'), /rabbitmqctl: /);
  });

  test('two private nodes run at once, and disposing of one leaves nothing of it and all of the other', {
    skip: noProcesses,
  }, async (t) => {
    const [one, other] = await Promise.all([startTestBroker(), startTestBroker()]);
    disposeAfter(t, other);
    const folder = await folderOf(one);
    if (!folder) return t.skip('the node runs in Docker');
    assert.equal(existsSync(folder), true);
    assert.equal(
      processesOf(folder).some((command) => command.includes('epmd')),
      true,
    );
    await one[Symbol.asyncDispose]();
    assert.deepEqual(processesOf(folder), []);
    assert.equal(existsSync(folder), false);
    await assert.rejects(identify(parseAmqpUrl(one.url)), { reason: 'NO_BROKER' });
    await identify(parseAmqpUrl(other.url));
  });

  test('nothing of a node survives when its parent is killed with SIGKILL', { skip: noProcesses }, async (t) => {
    const parent = spawn(process.execPath, [import.meta.filename, 'start-and-hang'], {
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(readline.createInterface({ input: parent.stdout }), 'line')) as [string];
    const { folder } = JSON.parse(line) as { folder?: string };
    const exited = once(parent, 'exit');
    parent.kill('SIGKILL');
    await exited;
    if (!folder) return t.skip('the node runs in Docker');
    await until('its folder is gone', () => !existsSync(folder));
    assert.deepEqual(processesOf(folder), []);
  });
}

if (process.argv[2] === 'start-and-hang') void startAndHang();
else tests();
