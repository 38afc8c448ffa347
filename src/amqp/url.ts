import { describe } from '../protocol/option-checks.ts';
import { cut, harmless, printable } from '../protocol/text.ts';

/** Where a broker is and who logs in: a parsed `amqp://` or `amqps://` URL. */
export interface AmqpUrl {
  readonly tls: boolean;
  /** Host name or address, without the brackets of an IPv6 literal. */
  readonly hostname: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly vhost: string;
  /** Heartbeat interval in seconds, from `?heartbeat=`; undefined: the default. */
  readonly heartbeat: number | undefined;
  /** The URL for people: without the password. */
  readonly display: string;
}

/** RabbitMQ's default user, which a URL without one stands for. */
const DEFAULT_USER = 'guest';

/** The longest heartbeat that AMQP has room for, in seconds: connection.tune-ok has 16 bits for it. */
const MAX_HEARTBEAT = 65_535;

/** The longest beginning of a wrong URL that is shown, in UTF-16 units. */
const MAX_SHOWN = 80;

/**
 * Parses an AMQP URL. No user and password means guest:guest, no path (or `/`) the virtual host `/`.
 * @see https://www.rabbitmq.com/docs/uri-spec
 * @throws TypeError that shows the value's beginning, which holds no password
 */
export function parseAmqpUrl(text: string): AmqpUrl {
  const url = readAmqpUrl(text);
  if (typeof url !== 'string') return url;
  throw new TypeError(
    `urls: expected amqp://user:password@host:port/vhost, got '${harmless(beginningOf(text), MAX_SHOWN)}': ${url}`,
  );
}

/** The parsed URL, or what is wrong with it. */
function readAmqpUrl(text: string): AmqpUrl | string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!/^amqps?:\/\//i.test(text)) return 'it does not begin with amqp:// or amqps://';
  // the URL parser leaves line ends out, and would make one URL of two
  if (/[\r\n]\s*\S/.test(text)) return 'it has several lines (between several URLs there are commas)';
  if (!url)
    return 'it does not parse (a port is at most 65535, and special characters in a password are written as %XX)';
  if (url.hostname === '') return 'it names no host';
  // else the rest of a password with a / in it would be taken, and shown, for a virtual host
  if (/[/?#].*@/s.test(text.slice(text.indexOf('//') + 2)))
    return 'there is an @ behind the host (special characters in a password or virtual host are written as %XX)';
  const tls = url.protocol === 'amqps:';
  const unknown = [...url.searchParams.keys()].find((name) => name !== 'heartbeat');
  if (unknown !== undefined) {
    // behind `user:12?` it would be the rest of a password whose @ was forgotten
    const name =
      text.includes('@') || !/\/\/.*:/s.test(text) ? ` (${printable(JSON.stringify(cut(unknown, MAX_SHOWN)))})` : '';
    return `it has an unknown parameter${name}: heartbeat is the only one there is`;
  }
  if (url.hash !== '') return 'there is a # in it (in a password or virtual host it is written as %23)';
  const heartbeat = url.searchParams.get('heartbeat');
  if (heartbeat !== null && !(/^\d+$/.test(heartbeat) && Number(heartbeat) <= MAX_HEARTBEAT))
    return `its heartbeat is no whole number of seconds from 1 to ${MAX_HEARTBEAT}`;
  if (Number(heartbeat ?? 1) === 0)
    return 'its heartbeat is 0, and without heartbeats nobody notices that a connection is dead: give seconds, or leave it out';
  let username: string, password: string, vhost: string;
  try {
    username = decodeURIComponent(url.username);
    password = decodeURIComponent(url.password);
    vhost = decodeURIComponent(url.pathname.slice(1)) || '/';
  } catch {
    return 'a % in it is not followed by two hexadecimal digits';
  }
  if (username === '' && password === '') username = password = DEFAULT_USER;
  const port = url.port === '' ? (tls ? 5671 : 5672) : Number(url.port);
  const path = vhost === '/' ? '' : `/${encodeURIComponent(vhost)}`;
  return {
    tls,
    hostname: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port,
    username,
    password,
    vhost,
    heartbeat: heartbeat === null ? undefined : Number(heartbeat),
    display: `${url.protocol}//${encodeURIComponent(username)}@${url.hostname}:${port}${path}`,
  };
}

/**
 * Parses the `urls` option: one URL, or several.
 * @throws TypeError that shows the value's beginning, which holds no password
 */
export function parseAmqpUrls(urls: string | readonly string[]): AmqpUrl[] {
  const parsed = [urls].flat().map((url: unknown) => {
    if (typeof url === 'string') return parseAmqpUrl(url);
    // what is in an object may be a password
    const got = typeof url === 'object' && url ? 'an object: pass the href of a URL' : describe(url);
    throw new TypeError(`urls: expected one AMQP URL, or several, got ${got}`);
  });
  if (parsed.length === 0) throw new TypeError('urls: expected at least one AMQP URL, got an empty list');
  return parsed;
}

/**
 * TLS options for any URLs, as AMQP_CA_FILE may be set wherever a program runs.
 * @returns undefined where no URL is `amqps://`: client and worker refuse TLS options there
 */
export function tlsFor<T>(urls: readonly string[], tls: T): T | undefined {
  return urls.some((url) => parseAmqpUrl(url).tls) ? tls : undefined;
}

/**
 * The beginning of a URL, with `***` for the rest: of a wrong one nobody can tell where its password ends, so it ends with the first
 * name, which is a user's or a host's.
 */
export function beginningOf(url: string): string {
  const [name = ''] = /^\s*(?:(?:amqp|http)s?:\/\/)?[^\s:@/?#]*:?/i.exec(url) ?? [];
  return name.length < url.length ? `${name}***` : url;
}

/** What somebody typed, for a message: of a URL in it, right or wrong, with a scheme or without, the beginning only. */
export function redactTyped(text: string): string {
  const colon = text.indexOf(':');
  const found = [text.search(/(?:amqp|http)s?:|\b\w+:\/\/(?!\/)/i), text.lastIndexOf('@') > colon ? colon : -1];
  const at = Math.min(...found.filter((index) => index >= 0));
  return at === Number.POSITIVE_INFINITY ? text : text.slice(0, at) + beginningOf(text.slice(at));
}

/**
 * Splits and checks a comma-separated list of AMQP URLs; a comma inside a URL, in a password say, does not split it.
 * @throws Error that completes "expected …" and shows no password
 */
export function parseAmqpUrlList(text: string): string[] {
  const urls = text
    .split(/,(?=\s*amqps?:)/i)
    .map((part) => part.trim())
    .filter((part) => part !== '');
  if (urls.length === 0) throw new Error('an AMQP URL such as amqp://host:5672, but it is empty');
  for (const url of urls) {
    const problem = readAmqpUrl(url);
    if (typeof problem === 'string') throw new Error(`an AMQP URL such as amqp://host:5672, but ${problem}`);
  }
  return urls;
}
