import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a path answers with. */
export interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** How long a client may take for its request, and then for the answer, in ms. */
const REQUEST_TIMEOUT = 5_000;

/** Requests are short, and come from a few: an orchestrator, a Prometheus. */
const MAX_HEADER_BYTES = 8 * 1024;
const MAX_CONNECTIONS = 100;

/**
 * Serves pages to GET and HEAD. No client can hold anything up: slow ones are cut, and each connection is for one request.
 * @param port 0 for any that is free
 * @param host the address to listen at; default: every one
 * @returns the port that was taken
 * @throws Error with the system's code (`EADDRINUSE`)
 */
export function serveHttp(
  { port, host }: { readonly port: number; readonly host?: string | undefined },
  pages: Readonly<Record<string, () => Page | Promise<Page>>>,
): Promise<number> {
  const server = createServer({
    requestTimeout: REQUEST_TIMEOUT,
    headersTimeout: REQUEST_TIMEOUT,
    connectionsCheckingInterval: 1_000,
    maxHeaderSize: MAX_HEADER_BYTES,
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.timeout = REQUEST_TIMEOUT; // without a sign of life: one who does not read the answer
  server.on('request', (request, response) => {
    respond(request, pages).then(
      (page) => send(response, page),
      () => send(response, plain(500, 'the page could not be made')),
    );
  });
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen({ port, host }, () => resolve((server.address() as AddressInfo).port));
  });
}

/** A page of one line. */
export function plain(status: number, line: string): Page {
  return { status, type: 'text/plain; charset=utf-8', body: `${line}\n` };
}

async function respond({ method, url = '' }: IncomingMessage, pages: Parameters<typeof serveHttp>[1]): Promise<Page> {
  const [path = ''] = url.split('?');
  const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
  if (!page) return plain(404, `not found; there are ${Object.keys(pages).join(', ')}`);
  if (method !== 'GET' && method !== 'HEAD') return plain(405, 'only GET and HEAD');
  return page();
}

function send(response: ServerResponse, { status, type, body }: Page): void {
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    ...(status === 405 && { Allow: 'GET, HEAD' }),
    Connection: 'close',
  });
  response.end(body); // to HEAD, Node sends the head alone
}
