import path from 'node:path';
import { tlsFor } from '../amqp/url.ts';
import { exitOnBrokenPipe, Interrupted, onShutdown, say } from '../cli/process.ts';
import { RpcClient } from '../client/client.ts';
import { Disposables } from '../measure/engine/disposables.ts';
import { startProgram } from '../measure/engine/program.ts';
import type { Broker } from '../rabbitmq/broker.ts';
import { findBroker } from '../rabbitmq/find.ts';
import { Guard } from '../rabbitmq/guard.ts';
import { temporaryQueue } from '../rabbitmq/temporary-queue.ts';

/** The time limit of a call, in ms. */
const CALL_LIMIT = 10_000;

async function demo(started: Disposables): Promise<void> {
  const interrupted = new AbortController();
  onShutdown((signal) => interrupted.abort(new Interrupted(signal)));
  // as in `npm start | head`: what was started is stopped all the same
  const giveUp = (code: number) => {
    process.exitCode ||= code;
    interrupted.abort();
  };
  for (const stream of [process.stdout, process.stderr]) exitOnBrokenPipe(stream, giveUp);
  const { signal } = interrupted;

  const beforeBroker = performance.now();
  say('Looking for a RabbitMQ …');
  const broker = started.add(await findBroker({ env: process.env, say: (line) => say(`  ${line}`), signal }));
  say(`  ${broker.owned ? 'started' : 'found'} in ${seconds(beforeBroker)}`);
  const queue = broker.owned
    ? 'rpc_queue'
    : started.add(await temporaryQueue(broker, 'fib-worker.demo', { say, signal })).name;

  const beforeWorker = performance.now();
  say(`Starting a worker on ${queue} …`);
  const guard = started.add(await Guard.start()); // if we are killed, the worker goes as well
  const args = [path.join(import.meta.dirname, 'worker.js'), '--queue', queue, '--prefetch', '1', '--log', 'json'];
  const env = { ...guard.env, AMQP_URL: broker.url };
  const onEnd = (error: Error) => interrupted.abort(error);
  started.add(await startProgram({ args, env, says: /"event":"consuming"/, onEnd, signal }));
  say(`  consuming after ${seconds(beforeWorker)}`);

  say('Calling it through amq.rabbitmq.reply-to …');
  const urls = [broker.url];
  const client = started.add(new RpcClient({ urls, tls: tlsFor(urls, broker.tls) }));
  const first = await timedCall(client, queue, signal);
  const second = await timedCall(client, queue, signal);
  process.stdout.write(`fib(30) = ${first.answer}\n`);
  say(`  the call took ${first.took}, connecting included; the same again over that connection: ${second.took}`);
  say(whatNext(broker));
}

async function timedCall(
  client: RpcClient,
  queue: string,
  signal: AbortSignal,
): Promise<{ answer: string; took: string }> {
  const began = performance.now();
  const reply = await client.call(queue, '30', { timeout: CALL_LIMIT, signal });
  return { answer: reply.text(), took: `${(performance.now() - began).toFixed(1)} ms` };
}

function whatNext({ owned }: Broker): string {
  const lines = ['', 'Next, in two terminals:', '  node dist/worker.js', '  node dist/client.js 30'];
  if (owned)
    lines.push(
      'They need a RabbitMQ that stays (the one used here is gone again): on localhost,',
      '  docker run --rm --name rabbitmq -p 127.0.0.1:5672:5672 rabbitmq:4      or: sudo apt-get install rabbitmq-server',
      'or elsewhere, with AMQP_URL=amqp://host:5672 in the environment.',
    );
  lines.push('To compare the three reply designs:', '  npm run compare');
  return lines.join('\n');
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1_000).toFixed(1)} s`;
}

Disposables.use(demo).catch((error: Error) => {
  if (process.exitCode !== undefined) return; // nobody reads what it says
  if (!(error instanceof Interrupted)) say(error.message);
  process.exitCode = error instanceof Interrupted ? error.exitCode : 1;
});
