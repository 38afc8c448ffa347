// The least that a process can do: `call QUEUE` makes one call and prints its answer, `serve QUEUE` answers. AMQP_URL says
// where. npm run bench times them beside client.js and worker.js; not for users.
import { answer } from '../../measure/bench/answer.ts';
import { FloorCaller } from '../../measure/bench/floor/client.ts';
import { serveFloor } from '../../measure/bench/floor/worker.ts';

const [role, queue = ''] = process.argv.slice(2);
const target = { url: process.env.AMQP_URL ?? '', tls: undefined, queue };

function fail(error: unknown): void {
  process.stderr.write(`fib-bench-floor: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

async function main(): Promise<void> {
  if (role === 'call') {
    const caller = new FloorCaller('direct', target);
    process.stdout.write(`${Buffer.from(await caller.call('30')).toString()}\n`);
    await caller.close();
  } else {
    await serveFloor(target, { prefetch: 1, answer, onEnd: fail });
    process.stderr.write('consuming\n');
  }
}

main().catch(fail);
