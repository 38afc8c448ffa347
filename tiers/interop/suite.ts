import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, type TestContext, test } from 'node:test';
import { transientQueueRefusal } from './broker.ts';
import type { Command, Program } from './program.ts';
import { type Scene, scene } from './scene.ts';

/** `older`: the tutorials until March 2026, a non-durable queue. `today`: a durable quorum queue. */
export type Tutorial = 'older' | 'today';

/** One language's tutorial programs. */
export interface Peer {
  readonly name: string;
  /** The thing that is not installed here, and how to install it; undefined where everything is. */
  readonly missing: string | undefined;
  /** The client's question, and its answer. */
  readonly calls: readonly { readonly args: readonly string[]; readonly answer: string }[];
  client(args: readonly string[]): Command;
  server(tutorial: Tutorial): Command;
}

/** The worker's options that make a queue which that tutorial's server takes. */
const workerOptions = { older: ['--no-durable'], today: ['--queue-type', 'quorum'] } satisfies Record<
  Tutorial,
  string[]
>;
const replies = ['direct', 'exclusive', 'per-request'];
/** Only a hang should ever reach this: no test here measures time. */
const timeout = 90_000;
const awaiting = /Awaiting RPC requests/;

/** Whether the test can run on this broker; where not, it has been skipped, and why is said. */
type Needed = (t: TestContext) => Promise<boolean>;

async function assertAnswered(client: Program): Promise<void> {
  const exit = await client.ended();
  assert.deepEqual(exit, { code: 0, signal: null }, client.story);
  assert.equal(client.stdout, ' [.] Got 832040\n', client.story);
}

async function assertDrained(worker: Program): Promise<void> {
  assert.deepEqual(await worker.stop(), { code: 0, signal: null }, worker.story);
}

/** The tutorial's server on the scene's queue, consuming. */
async function tutorialServer(on: Scene, peer: Peer, tutorial: Tutorial): Promise<Program> {
  const server = on.start(peer.server(tutorial));
  await server.said(awaiting);
  return server;
}

/** Reply codes of AMQP, as a number or by their names: libraries say the one or the other. */
const replyCodes = { 406: /\b406\b|PRECONDITION_FAILED/, 541: /\b541\b|INTERNAL_ERROR/ };

/** The tutorial's server, which ends instead of consuming, with that reply code of AMQP. */
async function assertServerFails(on: Scene, peer: Peer, tutorial: Tutorial, replyCode: 406 | 541): Promise<void> {
  const server = on.start(peer.server(tutorial));
  const { code } = await server.ended();
  assert.notEqual(code, 0, server.story);
  assert.doesNotMatch(server.stdout + server.stderr, awaiting, server.story);
  assert.match(server.stderr, replyCodes[replyCode], server.story);
}

function clientTests(peer: Peer): void {
  for (const { args, answer } of peer.calls) {
    test(`our worker answers it (${args.join(' ') || 'no argument'})`, { timeout }, async (t) => {
      const here = scene(t);
      const worker = await here.worker();
      const client = here.start(peer.client(args));
      assert.deepEqual(await client.ended(), { code: 0, signal: null }, client.story);
      assert.match(client.stdout + client.stderr, new RegExp(` \\[\\.\\] Got ${answer}\\n`), client.story);
      await assertDrained(worker);
    });
  }
}

function sharingTests(peer: Peer, tutorial: Tutorial, needed: Needed): void {
  test('it shares the queue that our worker declared first', { timeout }, async (t) => {
    if (!(await needed(t))) return;
    const here = scene(t);
    const worker = await here.worker(...workerOptions[tutorial]);
    const server = await tutorialServer(here, peer, tutorial);
    await here.consumers(2);
    await assertDrained(worker);
    await here.consumers(1);
    // the server alone is left, on a queue that our worker made
    await assertAnswered(here.client('30'));
    await server.said(/ \[\.\] fib\(30\)/);
  });

  test('our worker takes the queue that it declared first as it is', { timeout }, async (t) => {
    if (!(await needed(t))) return;
    const here = scene(t);
    const server = await tutorialServer(here, peer, tutorial);
    const worker = await here.worker();
    await here.consumers(2);
    await server.stop();
    await here.consumers(1);
    // our worker alone is left, on a queue that the server made
    await assertAnswered(here.client('30'));
    await assertDrained(worker);
  });

  test('it fails with 406 on the queue that our worker declares by default, and our worker goes on', {
    timeout,
  }, async (t) => {
    if (!(await needed(t))) return;
    const here = scene(t);
    const worker = await here.worker();
    await assertServerFails(here, peer, tutorial, 406);
    await assertAnswered(here.client('30'));
    await assertDrained(worker);
  });
}

function serverTests(peer: Peer, tutorial: Tutorial, needed: Needed): void {
  for (const reply of replies) {
    test(`it answers our client with --reply ${reply}`, { timeout }, async (t) => {
      if (!(await needed(t))) return;
      const here = scene(t);
      const server = await tutorialServer(here, peer, tutorial);
      await assertAnswered(here.client('30', '--reply', reply));
      await server.said(/ \[\.\] fib\(30\)/);
    });
  }
  sharingTests(peer, tutorial, needed);
}

/** Defines the tests of one language's tutorial programs against our worker and our client, both ways round. */
export function interopSuite(peer: Peer): void {
  if (peer.missing) {
    // not every reporter shows a reason, and a skipped `describe` would count as no test at all
    console.error(`SKIPPED: interop with ${peer.name}: ${peer.missing}`);
    test(`interop with ${peer.name}`, { skip: peer.missing }, () => {});
    return;
  }

  describe(`interop with ${peer.name}`, () => {
    // asked once, by the first test that needs it, so that a broker that is not there fails tests with its own reason
    let asked: Promise<string | undefined> | undefined;
    const refusal = () => {
      asked ??= transientQueueRefusal(`fib-worker-interop-${randomUUID()}`);
      return asked;
    };
    const needed = {
      today: async () => true,
      async older(t: TestContext) {
        const reason = await refusal();
        if (reason) t.skip(`this RabbitMQ refuses non-durable queues: ${reason}`);
        return !reason;
      },
    } satisfies Record<Tutorial, Needed>;

    describe("the tutorial's client", () => clientTests(peer));

    describe("today's tutorial server", () => serverTests(peer, 'today', needed.today));

    describe("the older tutorials' server", () => {
      serverTests(peer, 'older', needed.older);

      test('it fails with 541 on a RabbitMQ that refuses non-durable queues', { timeout }, async (t) => {
        if (!(await refusal())) return t.skip('this RabbitMQ permits non-durable queues');
        await assertServerFails(scene(t), peer, 'older', 541);
      });
    });
  });
}
