import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** The answer of a path. */
export interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** How long a client may take for the head of its request, and then for the rest and the answer, in ms. */
const HEAD_TIMEOUT = 2_000;
const REQUEST_TIMEOUT = 5_000;

/** Requests are short, and come from a few: an orchestrator, a Prometheus. */
const MAX_HEADER_BYTES = 8 * 1024;
const MAX_WAITING = 100;
const MAX_WAITING_OF_ONE_ADDRESS = 20;

/** How long somebody may take to ask before he counts as waiting, in ms, and how many connections there are in that time. */
const TIME_TO_ASK = 50;
const MAX_CONNECTIONS = 1_000;

/**
 * Serves pages to GET and HEAD. No client can hold anything up: slow ones are cut, each connection is for one request, and
 * where too many wait the newest count, see {@link Connections}.
 * @param port 0 for any that is free
 * @param host the address to listen at; default: every one
 * @returns the port that it listens at
 * @throws Error with the system's code (`EADDRINUSE`)
 */
export function serveHttp(
  { port, host }: { readonly port: number; readonly host?: string | undefined },
  pages: Readonly<Record<string, () => Page | Promise<Page>>>,
): Promise<number> {
  const connections = new Connections();
  const server = createServer({
    requestTimeout: REQUEST_TIMEOUT,
    headersTimeout: HEAD_TIMEOUT,
    connectionsCheckingInterval: HEAD_TIMEOUT / 4,
    maxHeaderSize: MAX_HEADER_BYTES,
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.timeout = REQUEST_TIMEOUT; // without a sign of life: one who does not read the answer
  server.on('connection', (socket) => connections.add(socket));
  server.on('request', (request, response) => {
    connections.answer(request.socket);
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

/**
 * Who is connected and does not ask. A probe asks as soon as it is connected, so where too many wait, of one address or in
 * all, the one that has waited for the longest makes room: nobody who only holds connections can keep a probe out, not even
 * from the probe's own address.
 */
class Connections {
  readonly #waiting = new Set<Socket>();
  readonly #asked = new WeakSet<Socket>();

  add(socket: Socket): void {
    // once what came meanwhile has been read: a busy worker is late, not the probe
    const timer = setTimeout(() => setImmediate(() => this.#wait(socket)), TIME_TO_ASK);
    socket.on('close', () => {
      clearTimeout(timer);
      this.#waiting.delete(socket);
    });
  }

  /** It has asked, and gets its answer. */
  answer(socket: Socket): void {
    this.#asked.add(socket);
    this.#waiting.delete(socket);
  }

  #wait(socket: Socket): void {
    if (socket.destroyed || this.#asked.has(socket)) return;
    this.#waiting.add(socket);
    const ofAddress = [...this.#waiting].filter(({ remoteAddress }) => remoteAddress === socket.remoteAddress);
    if (ofAddress.length > MAX_WAITING_OF_ONE_ADDRESS) this.#cut(ofAddress[0]);
    if (this.#waiting.size > MAX_WAITING) this.#cut([...this.#waiting][0]);
  }

  #cut(socket: Socket | undefined): void {
    if (!socket) return;
    this.#waiting.delete(socket);
    socket.destroy();
  }
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
