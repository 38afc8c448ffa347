import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { before, describe, it } from 'node:test';
import { freePorts } from '../../src/rabbitmq/ports.ts';
import { run } from '../../src/rabbitmq/run.ts';
import { programFolder } from '../../test-helpers/built.ts';
import { buildImage, docker, IMAGE } from '../../test-helpers/containers.ts';
import { ownerLabels } from '../../test-helpers/leftovers.ts';
import { cleanUp, runClient } from '../../test-helpers/programs.ts';

const file = path.join(programFolder, '..', 'deploy', 'compose.yaml');

describe('deploy/compose.yaml', () => {
  before(buildImage);

  it('brings up a healthy RabbitMQ and four workers, on loopback alone, with no password in a variable', async (t) => {
    if (!(await docker('compose', 'version').catch(() => ''))) return t.skip('docker has no compose here');
    const folder = await mkdtemp(path.join(os.tmpdir(), 'fib-worker-compose-'));
    cleanUp(t, () => rm(folder, { recursive: true }));
    // for the next run to know ours by, if this one is killed
    const labels = ownerLabels();
    const ours = path.join(folder, 'ours.json');
    const services = { rabbitmq: { labels }, worker: { labels, image: IMAGE } };
    await writeFile(
      ours,
      JSON.stringify({ services, networks: { default: { labels } }, volumes: { data: { labels } } }),
    );
    const project = `fib-worker-test-${process.pid}`;
    const [amqp, management] = await freePorts(2);
    const env = { ...process.env, AMQP_PORT: String(amqp), MANAGEMENT_PORT: String(management) };
    const compose = (...args: string[]) =>
      run('docker', ['compose', '--project-name', project, '--file', file, '--file', ours, ...args], { env });
    cleanUp(t, () => compose('down', '--volumes', '--timeout', '1'));
    await compose('up', '--detach', '--wait', '--no-build', '--scale', 'worker=4');

    const names = (await compose('ps', '--format', '{{.Service}} {{.Health}}')).trim().split('\n').sort();
    assert.deepEqual(names, ['rabbitmq healthy', ...Array(4).fill('worker healthy')]);
    const url = `amqp://fib:fib@127.0.0.1:${amqp}`;
    const { code, stdout, stderr } = await runClient(t, ['--quiet', '30'], { url });
    assert.deepEqual([code, stdout], [0, '832040\n'], stderr);
    const consumers = await compose('exec', '-T', 'rabbitmq', 'rabbitmqctl', '-q', 'list_queues', 'name', 'consumers');
    assert.match(consumers, /^rpc_queue\s+4$/m);
    const api = await fetch(`http://127.0.0.1:${management}/api/whoami`, {
      headers: { authorization: `Basic ${Buffer.from('fib:fib').toString('base64')}` },
    });
    assert.equal(((await api.json()) as { name: string }).name, 'fib');

    for (const id of (await compose('ps', '--quiet')).trim().split('\n')) {
      const [{ Config, NetworkSettings }] = JSON.parse(await docker('inspect', id));
      assert.doesNotMatch(Config.Env.join('\n'), /fib:fib|DEFAULT_PASS/);
      const bindings = Object.values(NetworkSettings.Ports as Record<string, { HostIp: string }[] | null>);
      for (const { HostIp } of bindings.flatMap((one) => one ?? [])) assert.equal(HostIp, '127.0.0.1');
    }

    await compose('stop');
    const ends = await compose('ps', '--all', '--format', '{{.Service}} {{.ExitCode}}');
    assert.deepEqual(ends.match(/^worker .*$/gm), Array(4).fill('worker 0'));
  });
});
