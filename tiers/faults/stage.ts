import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { RpcClient } from '../../src/client/client.ts';
import { type ReplyDesign, replyDesigns } from '../../src/client/designs/index.ts';
import type { PrivateBroker } from '../../src/rabbitmq/broker.ts';
import { startTestBroker } from '../../test-helpers/own-broker.ts';
import { cleanUp, type Running, startWorker } from '../../test-helpers/programs.ts';
import { type Census, census, grown, openResources, remaining } from './census.ts';
import { type Caller, LANES, Load } from './load.ts';

/** How long the whole tier may take, in minutes; 0 is its short form, in which each fault occurs once. */
export const minutes = Number(process.env.FIB_WORKER_TEST_MINUTES ?? 0);

/** How many faults share the time, about, and how many files run at once. */
const FAULTS = 24;
const FILES_AT_ONCE = 2;

/** A fault's share of the time, in ms. */
const SHARE = (minutes * 60_000 * FILES_AT_ONCE) / FAULTS;

/** Calls for each fault at least. */
const CALLS = minutes > 0 ? 2_000 : 200;

/** How a fault is staged. */
export interface StageOptions {
  readonly broker: PrivateBroker;
  /** The fault's name, for its line. */
  readonly fault: string;
  /** Errors that the fault gives cause for, as `code/reason`: for clients that retry, and for those that don't. Default: none. */
  readonly errors?: { readonly retrying?: readonly string[]; readonly others?: readonly string[] };
  /** Default: all of them. */
  readonly designs?: readonly ReplyDesign[];
  /** Time limit of a call in ms. Default 90,000: `rabbitmqctl` may take its time while requests wait. */
  readonly timeout?: number;
  /** Numbers that are asked for. Default 0 to 300. */
  readonly range?: readonly [number, number];
  /** How many workers. Default 3. */
  readonly workers?: number;
  /** Further arguments of the workers. */
  readonly workerArgs?: readonly string[];
  /** Further variables of the workers. */
  readonly workerEnv?: Readonly<Record<string, string>>;
  /** Calls that a client may have under way at a time. Default: those of the load alone. */
  readonly callsAtOnce?: number;
  /** The broker's URL for the workers (commas between several) and the clients. Default: its own. */
  readonly workerUrl?: string;
  readonly clientUrl?: string | readonly string[];
}

/** The cast of a fault: clients, workers and load. */
export interface Stage {
  readonly broker: PrivateBroker;
  readonly queue: string;
  readonly load: Load;
  readonly callers: readonly Caller[];
  /** The workers, as real processes; one that is killed is to be taken out, and may be replaced. */
  readonly workers: Running[];
  /** Starts one more worker and waits until it consumes; it is not among {@link workers} yet. */
  startWorker(options?: { readonly url?: string; readonly args?: readonly string[] }): Promise<Running>;
  /** Takes a worker out and kills it. */
  kill(worker: Running): Promise<void>;
  /** Replies that the clients discarded, by reason. */
  discarded(): Record<string, number>;
}

/** A node for the tests of one file, which it may harm. */
export function brokerForFile(config: readonly string[] = []): () => PrivateBroker {
  let broker: PrivateBroker | undefined;
  before(async () => {
    broker = await startTestBroker({ config });
  });
  after(() => broker?.[Symbol.asyncDispose]());
  return () => {
    if (!broker) throw new Error('the broker did not start');
    return broker;
  };
}

/**
 * Keeps clients of every design calling several workers while `strike` makes a fault occur: once, or again and again for
 * the fault's share of the time. Then every client must get right answers again, every call must have ended as it
 * should, and nothing may be left over. Prints the fault's line.
 */
export async function underLoad(
  t: TestContext,
  options: StageOptions,
  strike: (stage: Stage) => Promise<void>,
): Promise<Outcome> {
  const { broker, fault, errors = {}, timeout = 90_000, range = [0, 300] } = options;
  const queue = `faults.${randomUUID()}`;
  const resourcesBefore = openResources();
  const before = await census(broker);
  const designs = options.designs ?? (Object.keys(replyDesigns) as ReplyDesign[]);
  const callers = designs.flatMap((reply) =>
    [true, false].map((retry) => {
      const urls = options.clientUrl ?? broker.url;
      const client = new RpcClient({ urls, reply, retry, timeout }).on('blocked', () => caller.blocked++);
      cleanUp(t, () => client.close({ grace: 0 }));
      const name = `${reply}${retry ? ', retrying' : ''}`;
      const allowed = (retry ? errors.retrying : errors.others) ?? [];
      const caller: Caller = { name, client, queue, allowed, blocked: 0 };
      return caller;
    }),
  );
  const load = new Load(callers, timeout, range);
  const workers: Running[] = [];
  const stage: Stage = {
    broker,
    queue,
    load,
    callers,
    workers,
    startWorker: ({ url = options.workerUrl ?? broker.url, args = [] } = {}) =>
      startWorker(t, ['--queue', queue, ...(options.workerArgs ?? []), ...args], {
        url,
        env: options.workerEnv ?? {},
      }),
    async kill(worker) {
      workers.splice(workers.indexOf(worker), 1);
      await worker.stop('SIGKILL');
    },
    discarded: () => sumOf(callers.map(({ client }) => client.stats().discarded)),
  };
  const leaked: string[] = [];
  let failure: unknown;
  let totals: WorkerTotals[] = [];
  try {
    workers.push(...(await Promise.all(Array.from({ length: options.workers ?? 3 }, () => stage.startWorker()))));
    load.start();
    await load.recovered(); // everybody is at it
    const began = performance.now();
    do {
      await strike(stage);
      await load.recovered();
    } while (performance.now() - began < SHARE);
    while (load.made < CALLS) await sleep(10);
    await load.stop();
    leaked.push(...(await leftWhileConnected(stage, before, options.callsAtOnce ?? LANES)));
    totals = await endOf(stage);
  } catch (error) {
    failure = error;
  }
  const discarded = stage.discarded();
  await Promise.all(callers.map(({ client }) => client.close({ grace: 0 })));
  if (failure === undefined) leaked.push(...(await leftOver(broker, queue, before, resourcesBefore)));
  console.log(lineOf(fault, load, discarded, leaked));
  if (failure !== undefined) throw failure;
  assert.deepEqual(
    { wrong: load.wrong, unexpected: load.unexpected.slice(0, 20), lost: load.lost, hung: load.hung, leaked },
    { wrong: [], unexpected: [], lost: 0, hung: 0, leaked: [] },
  );
  return { totals, load, discarded };
}

/** Results that a test may want to look at besides. */
export interface Outcome {
  /** The last record of each worker that was still there at the end. */
  readonly totals: readonly WorkerTotals[];
  readonly load: Load;
  readonly discarded: Readonly<Record<string, number>>;
}

/** A worker's own count of what it did, from its last line. */
export interface WorkerTotals {
  readonly requests: number;
  readonly redelivered: number;
  readonly answered: number;
  readonly refused: number;
  readonly abandoned: number;
  readonly cancelled: number;
  readonly strayCancels: number;
  readonly unfinished: number;
  readonly rejected: Readonly<Record<string, number>>;
  readonly deadLetterCycles: number;
}

/** Stops a worker in order, and gives its totals. */
export async function stopInOrder(worker: Running): Promise<WorkerTotals> {
  const { code, stderr } = await worker.stop();
  assert.equal(code, 0, stderr.slice(-2_000));
  const [record] = worker.records('stopped');
  return record as unknown as WorkerTotals;
}

async function endOf({ workers }: Stage): Promise<WorkerTotals[]> {
  const totals = await Promise.all(workers.map(stopInOrder));
  for (const { unfinished } of totals) assert.equal(unfinished, 0);
  return totals;
}

/** Lists what there is too much of while clients and workers are still there, and idle. */
async function leftWhileConnected(
  { broker, queue, callers, workers }: Stage,
  before: Census,
  callsAtOnce: number,
): Promise<readonly string[]> {
  const busy = callers.filter(({ client }) => client.stats().waiting + client.stats().inFlight > 0);
  const ofDesign = (name: string) => callers.filter((caller) => caller.name.startsWith(name)).length;
  return [
    ...busy.map(({ name }) => `calls of ${name}`),
    ...(await remaining(async () => {
      const now = await census(broker);
      // a worker may hold one more connection for a moment, to look up callers
      const most = {
        messages: 0,
        'reply queues': replyQueues(before) + ofDesign('exclusive'),
        connections: before.connections + callers.length + 2 * workers.length,
        channels:
          before.channels +
          ofDesign('direct') +
          ofDesign('exclusive') +
          ofDesign('per-request') * 3 * callsAtOnce + // a channel that still deletes its queue is not free for the next call
          2 * workers.length,
      };
      return grown(most, {
        messages: now.queues[queue] ?? 0,
        'reply queues': replyQueues(now),
        connections: now.connections,
        channels: now.channels,
      }).map((what) => `${what} while connected`);
    })),
  ];
}

function replyQueues({ queues }: Census): number {
  return Object.keys(queues).filter((name) => name.startsWith('amq.gen')).length;
}

/** Lists what is left over when clients and workers are gone. */
async function leftOver(
  broker: PrivateBroker,
  queue: string,
  before: Census,
  resources: Record<string, number>,
): Promise<string[]> {
  await broker.ctl('delete_queue', queue).catch(() => {}); // a fault may have deleted it
  return [
    ...(await remaining(async () => {
      const { queues, ...counts } = await census(broker);
      const { queues: had, ...countsBefore } = before;
      return [...grown(countsBefore, counts), ...Object.keys(queues).filter((name) => !(name in had))];
    })),
    ...(await remaining(() => grown(resources, openResources()))),
  ];
}

function lineOf(fault: string, load: Load, discarded: Record<string, number>, leaked: readonly string[]): string {
  const errors = [...load.errors].map(([kind, count]) => `${kind} ${count}`).join(' ') || 'none';
  const replies = Object.entries(discarded).map(([reason, count]) => `${reason} ${count}`);
  return [
    `${fault}: ${load.made} calls`,
    `${load.right} right`,
    `errors ${errors}`,
    `discarded ${replies.join(' ')}`,
    `wrong ${load.wrong.length}`,
    `lost ${load.lost}`,
    `hung ${load.hung}`,
    `leaked ${leaked.length}`,
  ].join(', ');
}

function sumOf(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const one of counts) for (const [key, count] of Object.entries(one)) sum[key] = (sum[key] ?? 0) + count;
  return sum;
}

/** Asserts that the fault really struck: some calls had to end with one of these errors, as `code/reason`. */
export function assertStruck({ errors }: Load, kinds: readonly string[]): void {
  assert.ok(
    kinds.some((kind) => (errors.get(kind) ?? 0) > 0),
    `no call ended with ${kinds.join(' or ')}`,
  );
}
