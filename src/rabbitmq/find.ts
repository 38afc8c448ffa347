import { readFile } from 'node:fs/promises';
import { parseAmqpUrl, parseAmqpUrlList, redactTyped, tlsFor } from '../amqp/url.ts';
import { errorCode } from '../protocol/errors.ts';
import { DEFAULT_URL } from '../protocol/option-checks.ts';
import type { Broker, RabbitVersion, Say } from './broker.ts';
import { startPrivateCluster } from './cluster.ts';
import { identify } from './identify.ts';
import { startPrivateBroker } from './private.ts';

/**
 * Finds a RabbitMQ, or starts one: the one that AMQP_URL or AMQP_URL_FILE names, if set (nothing else is tried then); a broker
 * on localhost:5672; else one of our own as `startPrivateBroker` does. If a version or a number of nodes is asked for, it is
 * always one of our own. Says which was taken, and why one that is there was not.
 *
 * @param options.version of the broker of our own
 * @param options.nodes how many nodes our own is to have; more than one make a cluster
 * @param options.metrics whether our own is to have a Prometheus endpoint; default: no
 * @param options.tls whether our own is to listen by TLS as well; default: no
 * @param options.localUrl where to look on this machine; default `amqp://guest:guest@localhost:5672`
 * @throws an Error that says what to do; the signal's reason if it was aborted
 */
export async function findBroker({
  env,
  say,
  signal,
  version,
  nodes,
  metrics,
  tls,
  localUrl = DEFAULT_URL,
}: {
  env: NodeJS.ProcessEnv;
  say: Say;
  signal?: AbortSignal | undefined;
  version?: RabbitVersion | undefined;
  nodes?: number | undefined;
  metrics?: boolean | undefined;
  tls?: boolean | undefined;
  localUrl?: string;
}): Promise<Broker> {
  const own = { say, signal, version, metrics, tls };
  const found =
    version || nodes !== undefined
      ? undefined
      : ((await given(env, say, signal)) ?? (await local(localUrl, say, signal)));
  const start = () =>
    nodes !== undefined && nodes !== 1 ? startPrivateCluster({ ...own, nodes }) : startPrivateBroker(own);
  const broker = found ?? (await start().catch(alsoGiven));
  say(`using ${broker.description}`);
  return broker;
}

/** Another way out for those who find and start none. */
function alsoGiven(error: Error): never {
  if (!error.message.includes('would help')) throw error;
  throw new Error(`${error.message}\n  AMQP_URL=amqp://host:5672 in the environment, if there is one somewhere`);
}

async function given(env: NodeJS.ProcessEnv, say: Say, signal: AbortSignal | undefined): Promise<Broker | undefined> {
  const named = await givenUrls(env);
  if (!named) return undefined;
  const caFile = tlsFor(named, env.AMQP_CA_FILE);
  const tls = caFile ? { ca: await readNamed('AMQP_CA_FILE', caFile) } : undefined;
  // several for a cluster, as the worker and the client take them
  const tried = await Promise.allSettled(named.map((url) => connectTo(url, 'named by AMQP_URL', { signal, tls })));
  signal?.throwIfAborted();
  const answering = tried.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failures = tried.flatMap((one) => (one.status === 'rejected' ? [(one.reason as Error).message] : []));
  const [first] = answering;
  if (!first)
    throw new Error(`AMQP_URL: ${failures.join('; ')} (without AMQP_URL, a RabbitMQ is looked for, or else started)`);
  for (const failure of failures) say(`left out: ${failure}`);
  return { ...first, urls: answering.map(({ url }) => url) };
}

/** The URLs in AMQP_URL, or in the file that AMQP_URL_FILE names. */
async function givenUrls({ AMQP_URL: url, AMQP_URL_FILE: file }: NodeJS.ProcessEnv): Promise<string[] | undefined> {
  if (url && file) throw new Error('AMQP_URL and AMQP_URL_FILE: both are set; take one of them');
  const text = file ? (await readNamed('AMQP_URL_FILE', file)).toString() : url || undefined;
  try {
    return text === undefined ? undefined : parseAmqpUrlList(text);
  } catch (error) {
    throw new Error(`${file ? 'AMQP_URL_FILE' : 'AMQP_URL'}: expected ${(error as Error).message}`);
  }
}

/** Reads the file that a variable names. */
async function readNamed(variable: string, file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new Error(`${variable}: ${JSON.stringify(redactTyped(file))} can't be read (${errorCode(error)})`);
  }
}

async function local(url: string, say: Say, signal: AbortSignal | undefined): Promise<Broker | undefined> {
  try {
    return await connectTo(url, 'found there', { signal });
  } catch (error) {
    signal?.throwIfAborted();
    const nothingListens = error instanceof Error && errorCode(error.cause) === 'ECONNREFUSED';
    if (!nothingListens) say(`not taken: ${(error as Error).message}`);
    return undefined;
  }
}

async function connectTo(
  text: string,
  origin: string,
  { signal, tls }: { signal: AbortSignal | undefined; tls?: { ca: Buffer } | undefined },
): Promise<Broker> {
  const url = parseAmqpUrl(text);
  const { product, version } = await identify(url, { signal, ca: tls?.ca });
  return {
    url: text,
    urls: [text],
    tls,
    description: `${product} ${version} at ${url.display} (${origin})`,
    owned: false,
    version,
    async [Symbol.asyncDispose]() {},
  };
}
