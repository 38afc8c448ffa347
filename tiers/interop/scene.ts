import { randomUUID } from 'node:crypto';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { consumerCount, deleteQueue } from './broker.ts';
import { type Command, Program } from './program.ts';

/** One test's queue and programs; both are gone when the test is over, however it ends. */
export interface Scene {
  readonly queue: string;
  /** Starts a program, told of broker and queue by `AMQP_URL` and `RPC_QUEUE`. */
  start(command: Command): Program;
  /** Starts `dist/worker.js` on the queue, and resolves when it consumes. */
  worker(...options: string[]): Promise<Program>;
  /** Starts `dist/client.js` on the queue. */
  client(...args: string[]): Program;
  /** Resolves when the queue has that many consumers. */
  consumers(count: number): Promise<void>;
}

/** Makes the scene of one test. */
export function scene(t: TestContext): Scene {
  const queue = `fib-worker-interop-${randomUUID()}`;
  const programs: Program[] = [];
  t.after(async () => {
    // a test that hangs has no assertion to say what its programs said
    if (t.signal.aborted) for (const { story } of programs) t.diagnostic(story);
    await Promise.all(programs.map((program) => program.stop('SIGKILL')));
    await deleteQueue(queue);
  });

  function run(command: Command): Program {
    const program = new Program(command);
    programs.push(program);
    return program;
  }
  // ours get the queue by flag only, so that a worker that ignored it would be noticed
  const ours = (program: string, args: string[]) =>
    run({
      file: process.execPath,
      args: [path.resolve('dist', program), ...args, '--queue', queue],
      env: { AMQP_URL: amqpUrl() },
    });

  return {
    queue,
    start: (command) => run({ ...command, env: { ...command.env, AMQP_URL: amqpUrl(), RPC_QUEUE: queue } }),
    async worker(...options) {
      const worker = ours('worker.js', options);
      await worker.said(/"event":\s*"consuming"/);
      return worker;
    },
    client: (...args) => ours('client.js', args),
    async consumers(count) {
      // the broker notices a dead consumer in its own time, and tells nobody: so ask until the test's time limit
      while ((await consumerCount(queue)) !== count) await sleep(50, undefined, { signal: t.signal });
    },
  };
}
