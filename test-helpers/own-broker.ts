import { randomUUID } from 'node:crypto';
import type { PrivateBroker, RabbitVersion } from '../src/rabbitmq/broker.ts';
import { type PrivateCluster, startPrivateCluster } from '../src/rabbitmq/cluster.ts';
import { startPrivateBroker } from '../src/rabbitmq/private.ts';

/** The version that the run of the tests was asked for; undefined: any. */
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

type Administered = Pick<PrivateBroker, 'url' | 'ctl'>;

/** The names of users who were made and not given to a test yet, by broker and number of channels. */
const users = new Map<string, Promise<string[]>>();

/** The URL of a new user of a broker who may have this many channels. */
export async function userWithChannels(broker: Administered, channels: number): Promise<string> {
  const key = `${channels} ${broker.url}`;
  const making = users.get(key) ?? makeUsers(broker, channels);
  users.set(key, making);
  const names = await making;
  const url = new URL(broker.url);
  url.username = names.pop() ?? '';
  url.password = 'secret';
  if (names.length === 0) users.delete(key);
  return url.href;
}

async function makeUsers(broker: Administered, channels: number): Promise<string[]> {
  const names = Array.from({ length: 10 }, () => `limited.${randomUUID()}`);
  await addUsers(
    broker,
    names.map((name) => ({ name, limits: { 'max-channels': channels } })),
  );
  return names;
}

/** A user to be made. */
export interface User {
  readonly name: string;
  /** Default: `secret`. */
  readonly password?: string;
  /** Patterns of what they may. Default: everything. */
  readonly configure?: string;
  readonly write?: string;
  readonly read?: string;
  readonly limits?: Readonly<Record<string, number>>;
}

/** Does what `add_user`, `set_permissions` and `set_user_limits` do, for all users at once: each `rabbitmqctl` takes a second. */
export async function addUsers(broker: Administered, users: readonly User[]): Promise<void> {
  const list = users.map(({ name, password = 'secret', configure = '.*', write = '.*', read = '.*', limits = {} }) =>
    [name, password, configure, write, read, JSON.stringify(limits)].map((text) => `<<${JSON.stringify(text)}>>`),
  );
  await broker.ctl(
    'eval',
    `[begin
       ok = rabbit_auth_backend_internal:add_user(Name, Password, <<"test">>),
       ok = rabbit_auth_backend_internal:set_permissions(Name, <<"/">>, Configure, Write, Read, <<"test">>),
       ok = rabbit_auth_backend_internal:set_user_limits(Name, Limits, <<"test">>)
     end || {Name, Password, Configure, Write, Read, Limits} <- [${list.map((user) => `{${user.join(', ')}}`).join(', ')}]].`,
  );
}
