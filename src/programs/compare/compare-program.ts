// Whole programs that the comparison times beside client.js and worker.js; not for users. AMQP_URL says where.
//
//   node compare-program.js floor|amqplib call|serve QUEUE
//
// `call` makes one call and prints its answer, `serve` answers: by the least that a process can do, or as RabbitMQ's
// JavaScript tutorial 6 on amqplib.
import { answer } from '../../measure/contenders/answer.ts';
import { floor } from '../../measure/contenders/floor/floor.ts';
import { amqplib } from '../../measure/contenders/peers/amqplib.ts';

const [who, role, queue = ''] = process.argv.slice(2);
const [implementation, design] = who === 'floor' ? ([floor, 'direct'] as const) : ([amqplib, 'exclusive'] as const);
const target = { url: process.env.AMQP_URL ?? '', tls: undefined, queue };

function fail(error: unknown): void {
  process.stderr.write(`fib-compare-program: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

async function main(): Promise<void> {
  if (role === 'serve') {
    await implementation.serve(target, { prefetch: 1, answer, onEnd: fail });
    process.stderr.write('consuming\n');
    return;
  }
  const caller = implementation.open(design, target);
  process.stdout.write(`${Buffer.from(await caller.call('30')).toString()}\n`);
  await caller.close();
}

main().catch(fail);
