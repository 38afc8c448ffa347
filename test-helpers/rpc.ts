import { randomUUID } from 'node:crypto';
import type { Channel, Delivery, MessageProperties } from '../src/amqp/channel.ts';
import type { BrokerConnection } from '../src/amqp/connection.ts';
import { connect } from '../src/amqp/dial.ts';
import { parseAmqpUrl } from '../src/amqp/url.ts';
import {
  type CallOptions,
  type ClientEvent,
  type ClientStats,
  RpcClient,
  type RpcClientOptions,
  type RpcReply,
} from '../src/client/client.ts';
import type { RpcError } from '../src/protocol/errors.ts';
import {
  type RequestHandler,
  RpcWorker,
  type RpcWorkerOptions,
  type ServeOptions,
  type WorkerEvent,
} from '../src/worker/worker.ts';
import { amqpUrl } from './broker.ts';

/** Something to be ended when its test is over, such as node:test's context. */
export interface Scope {
  after(end: () => Promise<unknown> | unknown): void;
}

/** Disposes of something when a test is over, and gives it back. */
export function disposeAfter<T extends AsyncDisposable>(t: Scope, one: T): T {
  t.after(() => one[Symbol.asyncDispose]());
  return one;
}

/** A request queue for one test: durable, deleted when the test is over, and by the broker if the test is killed. */
export async function testQueue(
  t: Scope,
  { url = amqpUrl(), args = {} }: { url?: string; args?: Record<string, unknown> } = {},
): Promise<string> {
  const queue = `test.${randomUUID()}`;
  const raw = await openRaw(t, url);
  await raw.channel.queueDeclare({ queue, durable: true, arguments: { 'x-expires': 300_000, ...args } });
  deleteAfter(t, queue, url);
  return queue;
}

/** Deletes a queue when the test is over. */
export function deleteAfter(t: Scope, queue: string, url = amqpUrl()): void {
  t.after(async () => {
    const connection = await connect(parseAmqpUrl(url)).catch(() => undefined); // a test may have stopped the broker
    const channel = await connection?.openChannel();
    await channel?.queueDelete(queue).catch(() => {});
    await connection?.close();
  });
}

/** A connection and a channel without any of the library's care, to say what a peer might say. */
export interface Raw {
  readonly connection: BrokerConnection;
  readonly channel: Channel;
  /** Publishes to a queue by way of the default exchange. */
  publish(queue: string, body: string | Buffer, properties?: MessageProperties): Promise<void>;
  /** Consumes a queue without acks; the messages pile up in `received` and `next()` waits for one more. */
  consume(queue: string): Promise<Inbox>;
}

/** The messages that a raw consumer got. */
export interface Inbox {
  readonly received: Delivery[];
  next(): Promise<Delivery>;
}

/** Opens a {@link Raw} connection, closed when the test is over. */
export async function openRaw(t: Scope, url = amqpUrl()): Promise<Raw> {
  const connection = await connect(parseAmqpUrl(url));
  t.after(() => connection.close());
  const channel = await connection.openChannel();
  return {
    connection,
    channel,
    publish: (queue, body, properties = {}) =>
      channel.basicPublish({ ...properties, exchange: '', routingKey: queue }, Buffer.from(body)),
    async consume(queue) {
      const received: Delivery[] = [];
      const waiting: ((message: Delivery) => void)[] = [];
      let taken = 0;
      await channel.basicConsume({ queue, noAck: true }, (message) => {
        received.push(message);
        if (waiting.length > 0) waiting.shift()?.(received[taken++] as Delivery);
      });
      return {
        received,
        next: () =>
          taken < received.length
            ? Promise.resolve(received[taken++] as Delivery)
            : new Promise((resolve) => waiting.push(resolve)),
      };
    },
  };
}

/** The options of {@link startWorker}: a worker's options and those of the one queue that it serves. */
export type StartOptions = RpcWorkerOptions & ServeOptions & { readonly queue: string };

/** Starts a worker and waits until it consumes; closed when the test is over. Its events are kept. */
export async function startWorker(
  t: Scope,
  handler: RequestHandler,
  { urls = amqpUrl(), tls, connectionName, telemetry, queue, ...serve }: StartOptions,
): Promise<{ worker: RpcWorker; events: WorkerEvent[]; consuming: () => Promise<void> }> {
  const events: WorkerEvent[] = [];
  let onEvent = () => {};
  const worker = new RpcWorker({ urls, telemetry, ...(tls && { tls }), ...(connectionName && { connectionName }) });
  worker.on('*', (event) => {
    events.push(event);
    onEvent();
  });
  worker.serve(queue, handler, serve);
  t.after(() => worker.close({ grace: 0 }));
  let seen = 0;
  const consuming = () =>
    new Promise<void>((resolve) => {
      onEvent = () => {
        const now = events.filter(({ type }) => type === 'consuming').length;
        if (now <= seen) return;
        seen = now;
        onEvent = () => {};
        resolve();
      };
      onEvent();
    });
  void worker.start();
  await consuming();
  return { worker, events, consuming };
}

/** A client as most tests use it: it calls one queue. */
export interface QueueClient {
  call(body: string | Uint8Array, options?: CallOptions): Promise<RpcReply>;
  stats(): ClientStats;
  close(options?: { readonly grace?: number }): Promise<void>;
}

/** Makes a client for one queue, closed when the test is over. Its events are kept. */
export function startClient(
  t: Scope,
  { queue = 'rpc_queue', ...options }: RpcClientOptions & { readonly queue?: string },
): { client: QueueClient; events: ClientEvent[] } {
  const { client, events } = openClient(t, options);
  return {
    client: {
      call: (body, how) => client.call(queue, body, how),
      stats: () => client.stats(),
      close: (how) => client.close(how),
    },
    events,
  };
}

/** Makes a client, closed when the test is over. Its events are kept. */
export function openClient(t: Scope, options: RpcClientOptions = {}): { client: RpcClient; events: ClientEvent[] } {
  const events: ClientEvent[] = [];
  const client = new RpcClient({ urls: amqpUrl(), ...options }).on('*', (event) => events.push(event));
  t.after(() => client.close({ grace: 0 }));
  return { client, events };
}

/** Resolves once `condition` holds. Tests wait for conditions, and node:test's time limit ends one that never holds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** Starts a worker that can't consume, and resolves to the first error that it tells; closed when the test is over. */
export async function startRefusedWorker(
  t: Scope,
  { urls = amqpUrl(), queue, ...serve }: StartOptions,
): Promise<RpcError> {
  const worker = new RpcWorker({ urls });
  t.after(() => worker.close());
  return new Promise((resolve, reject) => {
    worker.on('*', (event) => {
      if (event.type === 'retrying' || event.type === 'disconnected') resolve(event.error);
      else if (event.type === 'consuming') reject(new Error('it consumes'));
    });
    worker.serve(queue, () => 'ok', serve);
    worker.start().catch(resolve);
  });
}
