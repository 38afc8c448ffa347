// A service that calls two functions over RabbitMQ, by one client, and serves a third itself:
//
//   GET /fib/30                            asks the queue rpc_queue, which `npx fib-worker` serves
//   POST /words {"text": "to be or not"}   asks the queue words with that JSON
//   the queue greet                        answers a name with a greeting
//
// AMQP_URL says where RabbitMQ is, PORT where to listen. SIGTERM lets what is under way finish.
import http from 'node:http';
import { json } from 'node:stream/consumers';
import { isRpcError, RpcClient, RpcWorker } from 'fib-worker';

const { AMQP_URL = 'amqp://localhost', PORT = '8080' } = process.env;

const client = new RpcClient({ urls: AMQP_URL, timeout: 5_000 });
const worker = new RpcWorker(AMQP_URL);
worker.serve('greet', (request) => ({ greeting: `Hello, ${request.text()}!` }), { prefetch: 10 });

/** What a failed call is in HTTP; anything else is 502. */
const statusOf: Readonly<Record<string, number>> = {
  INVALID_ARGUMENT: 400,
  NOT_FOUND: 404,
  RESOURCE_EXHAUSTED: 429,
  UNAVAILABLE: 503,
  DEADLINE_EXCEEDED: 504,
};

async function answer(request: http.IncomingMessage, signal: AbortSignal): Promise<unknown> {
  const [, path = '', parameter = ''] = request.url?.split('/') ?? [];
  if (request.method === 'GET' && path === 'fib') {
    const reply = await client.call('rpc_queue', parameter, { signal });
    return { n: parameter, fib: reply.text() };
  }
  if (request.method === 'POST' && path === 'words') return client.callJson('words', await json(request), { signal });
  return undefined;
}

const server = http.createServer(async (request, response) => {
  const abort = new AbortController();
  response.on('close', () => abort.abort()); // nobody waits for the call any more
  const send = (status: number, value: unknown) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(value)}\n`);
  try {
    const value = await answer(request, abort.signal);
    if (value === undefined) send(404, { error: 'no such path' });
    else send(200, value);
  } catch (error) {
    if (error instanceof SyntaxError) send(400, { error: error.message });
    else if (isRpcError(error)) send(statusOf[error.code] ?? 502, { error: error.message, code: error.code });
    else if (!abort.signal.aborted) throw error;
  }
});

await worker.start();
server.listen(Number(PORT), () => {
  const address = server.address();
  console.log(`listening on port ${typeof address === 'object' ? address?.port : address}`);
});

process.once('SIGTERM', async () => {
  server.close();
  await Promise.all([worker.close(), client.close()]);
});
