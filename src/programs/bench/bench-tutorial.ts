// RabbitMQ's JavaScript tutorial 6: `call QUEUE` makes one call and prints its answer, `serve QUEUE` answers. AMQP_URL says
// where. npm run bench times them beside client.js and worker.js; not for users.
import { callOnce, serve } from '../../measure/bench/tutorial.ts';

const [role, queue = ''] = process.argv.slice(2);
const url = process.env.AMQP_URL ?? '';

async function main(): Promise<void> {
  if (role === 'call') {
    process.stdout.write(`${await callOnce(url, queue)}\n`);
  } else {
    await serve(url, queue);
    process.stderr.write('consuming\n');
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`fib-bench-tutorial: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
