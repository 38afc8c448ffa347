import { readFile } from 'node:fs/promises';
import { parseAmqpUrl, parseAmqpUrlList } from '../rpc/amqp-url.ts';
import { errorCode } from '../rpc/errors.ts';
import type { Broker, Say } from './broker.ts';
import { handshake } from './handshake.ts';
import { startPrivateBroker } from './private.ts';

/** The broker that is looked for on this machine. */
const LOCAL_URL = 'amqp://guest:guest@localhost:5672';

/**
 * Finds a RabbitMQ, or starts one: AMQP_URL or AMQP_URL_FILE if it is set (nothing else is tried then), a broker on localhost:5672, else one
 * of our own as `startPrivateBroker` does. Says which was taken, and why one that is there was not.
 *
 * @param options.localUrl where to look on this machine; default `amqp://guest:guest@localhost:5672`
 * @throws an Error that says what to do; the signal's reason if it was aborted
 */
export async function findBroker({
  env,
  say,
  signal,
  localUrl = LOCAL_URL,
}: {
  env: NodeJS.ProcessEnv;
  say: Say;
  signal?: AbortSignal | undefined;
  localUrl?: string;
}): Promise<Broker> {
  const broker =
    (await given(env, signal)) ?? (await local(localUrl, say, signal)) ?? (await startPrivateBroker({ say, signal }));
  say(`using ${broker.description}`);
  return broker;
}

async function given(env: NodeJS.ProcessEnv, signal: AbortSignal | undefined): Promise<Broker | undefined> {
  const urls = await givenUrls(env);
  if (!urls) return undefined;
  const tls = env.AMQP_CA_FILE ? { ca: await readFile(env.AMQP_CA_FILE) } : undefined;
  const failures: string[] = [];
  // several for a cluster, as the worker and the client take them
  for (const url of urls) {
    try {
      return await connectTo(url, 'named by AMQP_URL', { signal, tls });
    } catch (error) {
      signal?.throwIfAborted();
      failures.push((error as Error).message);
    }
  }
  throw new Error(`AMQP_URL: ${failures.join('; ')} (without AMQP_URL, a RabbitMQ is looked for, or else started)`);
}

/** What AMQP_URL says, or the file that AMQP_URL_FILE names. */
async function givenUrls({ AMQP_URL: url, AMQP_URL_FILE: file }: NodeJS.ProcessEnv): Promise<string[] | undefined> {
  if (url && file) throw new Error('AMQP_URL and AMQP_URL_FILE: both are set; take one of them');
  try {
    if (url) return parseAmqpUrlList(url);
    return file ? parseAmqpUrlList((await readFile(file, 'utf8')).trim()) : undefined;
  } catch (error) {
    const why = errorCode(error) ? `can't be read (${errorCode(error)})` : `expected ${(error as Error).message}`;
    throw new Error(`${url ? 'AMQP_URL' : 'AMQP_URL_FILE'}: ${why}`);
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
  const { product, version } = await handshake(url, { signal, ca: tls?.ca });
  return {
    url: text,
    tls,
    description: `${product} ${version} at ${url.display} (${origin})`,
    owned: false,
    version,
    async [Symbol.asyncDispose]() {},
  };
}
