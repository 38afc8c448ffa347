// Programs of a user's, as texts: they are compiled and run in a project that has the package alone.

/** Client and worker, with what a call can be told and what can go wrong. Prints `fine`. */
export const clientAndWorker = `
import { type CallOptions, isRpcError, RpcClient, RpcError, RpcWorker } from 'fib-worker';

const url = process.env.AMQP_URL ?? '';
const queue = process.argv[2] ?? '';
const worker = new RpcWorker(url);
worker.serve(queue, async (request, context) => {
  const { n } = request.json() as { n: number };
  if (n < 0) throw new RpcError('INVALID_ARGUMENT', 'n is negative', { data: { n } });
  return { body: { doubled: 2 * n, tenant: context.headers.tenant }, headers: { answered: 'yes' } };
}, { prefetch: 10 });
await worker.start();

const client = new RpcClient(url);
const options: CallOptions = { timeout: 10_000, signal: AbortSignal.timeout(20_000), headers: { tenant: 'a' } };
const reply = await client.call(queue, JSON.stringify({ n: 21 }), options);
const answer = reply.json() as { doubled: number; tenant: string };
if (answer.doubled !== 42 || answer.tenant !== 'a' || reply.headers.answered !== 'yes') throw new Error(reply.text());
try {
  await client.call(queue, '{"n":-1}');
  throw new Error('it was answered');
} catch (error) {
  if (!isRpcError(error) || error.code !== 'INVALID_ARGUMENT' || error.reason !== 'ERROR_REPLY') throw error;
  if (JSON.stringify(error.data) !== '{"n":-1}') throw error;
}
await client.close();
await worker.close();
console.log('fine');
`;

/** A RabbitMQ of a test's own. Prints \`fine\`. */
export const testing = `
import { RpcClient, RpcWorker } from 'fib-worker';
import { startRabbitMQ } from 'fib-worker/testing';

const rabbitmq = await startRabbitMQ({ onProgress: (line) => console.error(line) });
const { url } = await rabbitmq.vhost();
const worker = new RpcWorker(url);
worker.serve('greet', (request) => 'hello ' + request.text());
await worker.start();
const client = new RpcClient(url);
const reply = await client.call('greet', 'you');
if (reply.text() !== 'hello you') throw new Error(reply.text());
await client.close();
await worker.close();
await rabbitmq.stop();
console.log('fine');
`;

/** The types of one entry are those of the others; what is wrong does not compile. */
export const types = `
import * as main from 'fib-worker';
import * as fn from 'fib-worker/function';
import { type RabbitMQ, startRabbitMQ } from 'fib-worker/testing';

const ofMain: main.RpcError = new fn.RpcError('NOT_FOUND', 'no such thing', { data: { id: 1 } });
const ofFunction: fn.RpcError = new main.RpcError('INTERNAL', 'no', { reason: 'TIMEOUT', cause: ofMain });
const sameClass: typeof main.RpcError = fn.RpcError;
export const errors: (main.RpcError & fn.RpcError)[] = [ofMain, ofFunction, new sameClass('UNKNOWN', 'x')];

export const options = { min: { flag: 'min', type: 'string', placeholder: 'N', default: '1', parse: fn.integer({ min: 1 }), help: 'at least' } } as const;
/** A function's module, whose handler the library takes as well. */
export default function words(request: fn.RpcRequest, context: fn.FunctionContext<typeof options>) {
  const least: number = context.options.min;
  return { words: request.text().split(' ').filter((word) => word.length >= least).length };
}
const handler: main.RequestHandler = (request, context) => context.redelivered ? 'again' : request.body;
new main.RpcWorker({ urls: ['amqp://a', 'amqp://b'] }).serve('q', handler);

export async function use(): Promise<RabbitMQ> {
  await using rabbitmq = await startRabbitMQ({ nodes: 3, plugins: ['rabbitmq_management'] });
  await using client = new main.RpcClient({ urls: rabbitmq.urls, reply: 'exclusive' });
  const reply: main.RpcReply = await client.call('q', Buffer.from('30'), { priority: 1 });
  const body: Buffer = reply.body;
  // @ts-expect-error what JSON says is not known
  const n: number = reply.json();
  // @ts-expect-error no such option
  await client.call('q', '30', { timeOut: 5 });
  // @ts-expect-error no such design
  new main.RpcClient({ reply: 'carrier-pigeon' });
  // @ts-expect-error no such code
  new main.RpcError('TEAPOT', 'x');
  console.log(body, n);
  return rabbitmq;
}
`;
