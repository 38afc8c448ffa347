import { beginningOf } from '../amqp/url.ts';

/** How long an endpoint may take to answer, in ms: 0.05 s is usual, but a broker that is being measured is busy. */
const READ_LIMIT = 10_000;

/** An HTTP endpoint, its user and password held apart: nothing else of it may be shown or thrown. */
export interface Endpoint {
  readonly url: URL;
  /** `user:password` for HTTP's basic scheme; undefined for none. */
  readonly credentials?: string | undefined;
}

/** @throws TypeError that shows the URL's beginning, which holds no password */
export function parseEndpoint(text: string): Endpoint {
  try {
    const url = new URL(text);
    if (!['http:', 'https:'].includes(url.protocol)) throw new TypeError('neither http: nor https:');
    const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    url.username = url.password = '';
    return { url, credentials: credentials === ':' ? undefined : credentials };
  } catch {
    throw new TypeError(`metrics: expected a URL such as http://host:15692/metrics, got '${beginningOf(text)}'`);
  }
}

/** The URL that `parseEndpoint` makes this endpoint of, with its password. */
export function endpointUrl({ url, credentials }: Endpoint): string {
  const full = new URL(url);
  const [username = '', ...password] = credentials?.split(':') ?? [];
  full.username = encodeURIComponent(username);
  full.password = encodeURIComponent(password.join(':'));
  return full.href;
}

/**
 * Gets what lies at a path below an endpoint, as `parse` makes it of the text. No redirect is followed: it could lead the
 * credentials elsewhere.
 *
 * @throws an Error that names the endpoint and what was wrong, `parse` included; the signal's reason if it was aborted
 */
export async function ask<T>(
  { url, credentials }: Endpoint,
  { below = '', parse, signal }: { below?: string; parse: (text: string) => T; signal?: AbortSignal | undefined },
): Promise<T> {
  signal?.throwIfAborted();
  const limit = AbortSignal.timeout(READ_LIMIT);
  try {
    const response = await fetch(`${url.origin}${url.pathname.replace(/\/$/, '')}${below}${url.search}`, {
      headers: credentials ? { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` } : {},
      redirect: 'manual',
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`it answers ${response.status} ${response.statusText}`.trimEnd());
    return parse(text);
  } catch (error) {
    signal?.throwIfAborted();
    const what = limit.aborted ? `no answer within ${READ_LIMIT / 1_000} s` : why(error);
    throw new Error(`metrics: ${url.origin}${url.pathname}: ${what}`, { cause: error });
  }
}

/** `fetch` says `fetch failed`, and its cause what happened. */
function why(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? ((cause as NodeJS.ErrnoException).code ?? cause.message) : message;
}
