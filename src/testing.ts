// What `fib-worker/testing` exports: a function called without a broker, and a real RabbitMQ for tests.
import { randomBytes } from 'node:crypto';
import { checkFunction, checkInteger, checkOptions, describe } from './protocol/option-checks.ts';
import type { PrivateBroker } from './rabbitmq/broker.ts';
import { startPrivateCluster } from './rabbitmq/cluster.ts';
import { startPrivateBroker } from './rabbitmq/private.ts';

export {
  type CallFunctionOptions,
  callFunction,
  type PlainFunction,
  type TypedFunction,
} from './function/call-function.ts';

/** How a RabbitMQ for tests is to be. */
export interface RabbitMQOptions {
  /**
   * As in `'4.3'`. `3.10`, `4.0` and `4.3` come out of Debian's packages where there is apt; in Docker it is any that has an image.
   * Default: the installed one, or else one that can be had.
   */
  readonly version?: string | undefined;
  /** How many nodes; more than one make a cluster, which Docker can't give. Default 1. */
  readonly nodes?: number | undefined;
  /** Plugins to enable, such as `rabbitmq_management`. Default none. */
  readonly plugins?: readonly string[] | undefined;
  /** More lines for `rabbitmq.conf`. Default none. */
  readonly config?: readonly string[] | undefined;
  /** Told, a line at a time, what is going on: the first start may fetch 50 MB. Default: nobody. */
  readonly onProgress?: ((line: string) => void) | undefined;
  /** Gives up waiting, and cleans up. */
  readonly signal?: AbortSignal | undefined;
}

/** A virtual host of a test's own: its queues are nobody else's. */
export interface VirtualHost {
  /** Its name. */
  readonly name: string;
  /** The AMQP URL of this virtual host; user and password in it. */
  readonly url: string;
  /** One URL for each node. */
  readonly urls: readonly string[];
  /** Deletes it with all its queues, and closes the connections to it. */
  delete(): Promise<void>;
  /** The same as `delete()`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A RabbitMQ that runs for this process alone and ends with it. It listens on loopback only; in Docker on another machine
 * (`DOCKER_HOST`), on all addresses of that, as guest:guest.
 */
export interface RabbitMQ {
  /** Its AMQP URL, user and password in it. */
  readonly url: string;
  /** One URL for each node. */
  readonly urls: readonly string[];
  /** As in `4.0.5`. */
  readonly version: string;
  /** A description for people: which RabbitMQ it is, and where it comes from. */
  readonly description: string;
  /** Makes a virtual host that nobody else uses; takes about a second. */
  vhost(): Promise<VirtualHost>;
  /** Stops it, and removes all that it wrote. Calling it again returns the same promise. */
  stop(): Promise<void>;
  /** The same as `stop()`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a RabbitMQ for tests: an installed one, else out of Debian's or Ubuntu's packages, which are unpacked into this user's
 * cache folder (no Docker, no root, nothing installed), else in Docker. It takes 4 to 9 s, the first time that it has to fetch
 * something longer. It ends with this process, however that ends, and holds it no longer than `stop()`.
 *
 * @throws TypeError that names a wrong option; an Error that says what would help if there is no RabbitMQ to start; the
 * signal's reason if it was aborted
 */
export async function startRabbitMQ(options: RabbitMQOptions = {}): Promise<RabbitMQ> {
  const { nodes: count, ...how } = normalizeRabbitMQOptions(options);
  const broker = count === 1 ? await startPrivateBroker(how) : await startPrivateCluster({ ...how, nodes: count });
  const [first] = 'nodes' in broker ? broker.nodes : [broker];
  const stop = once(async () => broker[Symbol.asyncDispose]());
  const { url, urls, version, description } = broker;
  return {
    url,
    urls,
    version,
    description,
    vhost: () => makeVhost(first as PrivateBroker, urls),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function makeVhost(node: PrivateBroker, nodeUrls: readonly string[]): Promise<VirtualHost> {
  const name = `test-${randomBytes(6).toString('hex')}`;
  // add_vhost and set_permissions in one, for each start of rabbitmqctl takes a second
  const [vhost, all, by] = [`<<"${name}">>`, '<<".*">>', '<<"fib-worker">>'];
  const permit = `rabbit_auth_backend_internal:set_permissions(<<"guest">>, ${vhost}, ${all}, ${all}, ${all}, ${by})`;
  await node.ctl('-q', 'eval', `ok = rabbit_vhost:add(${vhost}, ${by}), ok = ${permit}.`);
  const urls = nodeUrls.map((url) => `${url}/${name}`);
  const remove = once(async () => void (await node.ctl('-q', 'delete_vhost', name)));
  return { name, url: urls[0] ?? '', urls, delete: remove, [Symbol.asyncDispose]: remove };
}

/** The promise of the first call, for each call. */
function once(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => {
    running ??= run();
    return running;
  };
}

function normalizeRabbitMQOptions(options: RabbitMQOptions) {
  const known = ['version', 'nodes', 'plugins', 'config', 'onProgress', 'signal'];
  const {
    version,
    nodes = 1,
    plugins = [],
    config = [],
    onProgress = () => {},
    signal,
  } = checkOptions('options', options, known);
  if (version !== undefined && (typeof version !== 'string' || !/^\d+(\.\d+){0,2}$/.test(version)))
    throw new TypeError(`version: expected one such as '4.3', got ${describe(version)}`);
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new TypeError(`signal: expected an AbortSignal, got ${describe(signal)}`);
  return {
    version,
    nodes: checkInteger('nodes', nodes, 1, 9),
    plugins: checkLines('plugins', plugins, /^[a-z]\w*$/),
    config: checkLines('config', config, /^[^\r\n]*$/),
    say: checkFunction('onProgress', onProgress),
    signal,
  };
}

function checkLines(name: string, lines: readonly string[], form: RegExp): readonly string[] {
  const wrong = Array.isArray(lines) ? lines.find((line) => typeof line !== 'string' || !form.test(line)) : lines;
  if (wrong !== undefined || !Array.isArray(lines))
    throw new TypeError(
      `${name}: expected an array of ${name === 'plugins' ? 'names such as rabbitmq_management' : 'lines'}, got ${describe(wrong)}`,
    );
  return lines;
}
