import { type AmqpUrl, parseAmqpUrl } from '../amqp/url.ts';
import type { Broker } from './broker.ts';
import { ask, type Endpoint, endpointUrl, parseEndpoint } from './metrics-endpoint.ts';
import { type BrokerGauges, gaugesOfManagement, gaugesOfPrometheus, sumGauges } from './metrics-gauges.ts';

/** How often the management plugin collects what it tells, in ms, unless somebody set another `collect_statistics_interval`. */
const MANAGEMENT_LAG = 5_000;
/** How long a look for an endpoint that nobody named may take, in ms. */
const SEARCH_LIMIT = 1_000;

/** The metrics of a broker, to be read again and again. */
export interface BrokerMetrics {
  /** For humans: where the figures come from; holds no password. */
  readonly source: string;
  /**
   * How old, in ms, a figure may be when it is read. 0: computed as we read, with all that the broker answered before, except
   * that a deleted queue leaves `queues` up to 5 s late.
   */
  readonly lag: number;
  /** The options with which `openMetrics` opens the same again, in another process say; a URL may hold a password. */
  readonly urls: readonly string[];
  /**
   * Reads the figures once: 10 to 60 ms (up to 1,000 clients), in which the broker computes. So not while something is being timed.
   *
   * @throws an Error that names the endpoint, without a password, and what was wrong; the signal's reason if it was aborted
   */
  read(signal?: AbortSignal): Promise<BrokerGauges>;
}

/**
 * The metrics of a broker whose endpoints are known: of the Prometheus plugin (`http://host:15692/metrics`), one for each node,
 * whose figures are added up; or of the management plugin (a path that ends in `/api`: `https://user:password@host/api`), one
 * for all nodes. They are not asked before `read()`.
 *
 * @throws TypeError that names the URL, without its password
 */
export function openMetrics(urls: readonly string[]): BrokerMetrics {
  const endpoints = urls.map(parseEndpoint);
  if (endpoints.length === 0) throw new TypeError('metrics: expected at least one URL, got none');
  const [first] = endpoints;
  if (first?.url.pathname.endsWith('/api')) {
    if (endpoints.length > 1)
      throw new TypeError('metrics: one management endpoint tells of all nodes, got several URLs');
    return management(first);
  }
  return prometheus(endpoints);
}

/**
 * Finds the metrics of a broker: at the URLs given, as `openMetrics` takes them; else, for a node of our own, where we put
 * them; else on the broker's host, at the usual port of the Prometheus plugin (15692) or of the management plugin (15672), the
 * latter with the user and password of the AMQP URL. That is not tried where the AMQP URL is `amqps:`: those are not for a
 * connection without TLS.
 *
 * @param options.search the ports to look at where nothing is known; default: the plugins' own
 * @returns undefined if nobody gave a URL and none answered, for which each has a second
 * @throws an Error if a URL that was given does not answer, or not with metrics; the signal's reason if it was aborted
 */
export async function findMetrics(
  broker: Pick<Broker, 'urls' | 'metricsUrls'>,
  {
    metricsUrls = broker.metricsUrls,
    search = { prometheus: 15_692, management: 15_672 },
    signal,
  }: {
    metricsUrls?: readonly string[] | undefined;
    search?: { readonly prometheus: number; readonly management: number };
    signal?: AbortSignal | undefined;
  } = {},
): Promise<BrokerMetrics | undefined> {
  if (metricsUrls?.length) {
    const metrics = openMetrics(metricsUrls);
    await metrics.read(signal);
    return metrics;
  }
  for (const candidate of candidates(broker.urls.map(parseAmqpUrl), search)) {
    try {
      const limit = AbortSignal.timeout(SEARCH_LIMIT);
      await candidate.read(signal ? AbortSignal.any([signal, limit]) : limit);
      return candidate;
    } catch {
      signal?.throwIfAborted(); // else there is nothing, or nothing that would tell us
    }
  }
  return undefined;
}

/** The endpoints where the metrics of these nodes may be, the fresher ones first. */
function candidates(nodes: readonly AmqpUrl[], search: { prometheus: number; management: number }): BrokerMetrics[] {
  const at = (hostname: string, port: number, path: string) =>
    new URL(`http://${hostname.includes(':') ? `[${hostname}]` : hostname}:${port}${path}`);
  const found: BrokerMetrics[] = [];
  // of several nodes behind one host name, one endpoint would tell of one only
  if (new Set(nodes.map(({ hostname }) => hostname)).size === nodes.length)
    found.push(prometheus(nodes.map(({ hostname }) => ({ url: at(hostname, search.prometheus, '/metrics') }))));
  for (const { tls, hostname, username, password } of nodes)
    if (!tls)
      found.push(management({ url: at(hostname, search.management, '/api'), credentials: `${username}:${password}` }));
  return found;
}

function prometheus(endpoints: readonly Endpoint[]): BrokerMetrics {
  return {
    source: `Prometheus at ${endpoints.map(({ url }) => url.host).join(', ')}`,
    lag: 0,
    urls: endpoints.map(endpointUrl),
    async read(signal) {
      const nodes = endpoints.map((endpoint) => ask(endpoint, { parse: gaugesOfPrometheus, signal }));
      return sumGauges(await Promise.all(nodes));
    },
  };
}

function management(endpoint: Endpoint): BrokerMetrics {
  const json = (below: string, signal: AbortSignal | undefined) =>
    ask<unknown>(endpoint, { below, parse: JSON.parse, signal });
  return {
    source: `the management API at ${endpoint.url.host}`,
    lag: MANAGEMENT_LAG,
    urls: [endpointUrl(endpoint)],
    async read(signal) {
      const [overview, nodes] = await Promise.all([json('/overview', signal), json('/nodes', signal)]);
      // one that was killed is still listed
      const running = (nodes as { name: string; running: boolean }[]).filter((node) => node.running);
      const memory = running.map(({ name }) => json(`/nodes/${encodeURIComponent(name)}/memory`, signal));
      return gaugesOfManagement(overview, running, await Promise.all(memory));
    },
  };
}
