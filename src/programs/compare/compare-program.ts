// Whole programs that the comparison times beside client.js and worker.js; not for users. AMQP_URL says where.
//
//   node compare-program.js floor|tutorial call|serve QUEUE
//
// `call` makes one call and prints its answer, `serve` answers: by the least that a process can do, or as RabbitMQ's
// JavaScript tutorial 6.
import { answer } from '../../measure/contenders/answer.ts';
import { FloorCaller } from '../../measure/contenders/floor/client.ts';
import { serveFloor } from '../../measure/contenders/floor/worker.ts';
import { callOnce, serve } from '../../measure/contenders/tutorial.ts';

const [who, role, queue = ''] = process.argv.slice(2);
const url = process.env.AMQP_URL ?? '';
const target = { url, tls: undefined, queue };

function fail(error: unknown): void {
  process.stderr.write(`fib-compare-program: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

async function callByFloor(): Promise<string> {
  const caller = new FloorCaller('direct', target);
  const reply = Buffer.from(await caller.call('30')).toString();
  await caller.close();
  return reply;
}

async function main(): Promise<void> {
  if (role === 'call') {
    process.stdout.write(`${await (who === 'floor' ? callByFloor() : callOnce(url, queue))}\n`);
    return;
  }
  if (who === 'floor') await serveFloor(target, { prefetch: 1, answer, onEnd: fail });
  else await serve(url, queue);
  process.stderr.write('consuming\n');
}

main().catch(fail);
