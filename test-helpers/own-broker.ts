import type { PrivateBroker, RabbitVersion } from '../src/rabbitmq/broker.ts';
import { type PrivateCluster, startPrivateCluster } from '../src/rabbitmq/cluster.ts';
import { startPrivateBroker } from '../src/rabbitmq/private.ts';

/** The version that the run of the tests was asked for; undefined: whatever is there. */
export function testVersion(): RabbitVersion | undefined {
  return process.env.FIB_WORKER_TEST_RABBITMQ as RabbitVersion | undefined;
}

/** A RabbitMQ for one test to harm, of the version that the run of the tests was asked for. To be disposed of. */
export function startTestBroker(
  options: { plugins?: readonly string[]; config?: readonly string[]; metrics?: boolean } = {},
): Promise<PrivateBroker> {
  return startPrivateBroker({ ...options, version: testVersion(), say: (line) => console.error(line) });
}

/** A cluster of three for one test to harm, with metrics, of the version that was asked for. To be disposed of. */
export function startTestCluster(): Promise<PrivateCluster> {
  return startPrivateCluster({ version: testVersion(), metrics: true, say: (line) => console.error(line) });
}

/** The folder of the guard that a node is under; undefined for one in Docker. */
export async function folderOf(broker: PrivateBroker): Promise<string | undefined> {
  return /"(.+)"/.exec(await broker.ctl('-q', 'eval', 'os:getenv("FIB_WORKER_GUARD").'))?.[1];
}

let users = 0;

/** The URL of a new user of a broker who may have this many channels. */
export async function userWithChannels(broker: PrivateBroker, channels: number): Promise<string> {
  const name = `limited${++users}`;
  await broker.ctl('add_user', name, 'secret');
  await broker.ctl('set_permissions', name, '.*', '.*', '.*');
  await broker.ctl('set_user_limits', name, JSON.stringify({ 'max-channels': channels }));
  const url = new URL(broker.url);
  url.username = name;
  url.password = 'secret';
  return url.href;
}
