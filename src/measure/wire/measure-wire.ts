import { parseAmqpUrl } from '../../amqp/url.ts';
import type { WireCost, WireEntry, WireResult } from '../document.ts';
import type { Design, Implementation, Target } from '../implementation.ts';
import { median } from '../statistics.ts';
import { type CountedClient, minus, withCountedClient } from './counted-client.ts';
import { wireSentences } from './wire-sentences.ts';

/** How many calls follow the first. With it they are fewer than ten: ids that count them have one digit. */
const LATER_CALLS = 5;

/** A caller's maker, and what to call it. */
type Contender = Pick<Implementation, 'name' | 'designs' | 'open'>;

const TITLE = 'wire cost: what goes over the client’s connection';

const DETAIL =
  'counted by a proxy between client and broker, not timed, one call at a time. A round trip is all that the client ' +
  'sends before it has to wait, and the answer; making the TCP connection is one. Those of a call are those that it ' +
  'waits for; its frames and bytes hold also what is tidied up after it. Set-up is what the first call costs more than ' +
  'a later one; disconnecting is right after a call. Bytes are those of AMQP frames, heartbeats, TCP and IP left out';

/**
 * Counts what each design of each implementation costs on the wire; a worker that answers 30 with 832040 serves the
 * target's queue. Over TLS nothing can be counted: the result then says so and holds no entries.
 * @throws Error that names the implementation and the design if a call fails, or later calls differ in frames or round
 * trips; the signal's reason
 */
export async function measureWire(options: {
  readonly implementations: readonly Contender[];
  readonly target: Target;
  readonly signal: AbortSignal;
}): Promise<WireResult> {
  const { implementations, target, signal } = options;
  if (parseAmqpUrl(target.url).tls) {
    const detail =
      'not counted: over TLS the frames can’t be read; take an amqp:// URL of the same broker for this one';
    return { title: TITLE, detail, entries: [], sentences: [] };
  }
  const measured: { readonly entry: WireEntry; readonly spread: number }[] = [];
  for (const implementation of implementations) {
    for (const design of implementation.designs)
      measured.push(await measureEntry(implementation, design, target, signal));
  }
  const entries = measured.map(({ entry }) => entry);
  const uneven = measured
    .filter(({ spread }) => spread > 0)
    .map(({ entry, spread }) => `${entry.implementation} ${entry.design} by ${spread}`);
  const detail =
    uneven.length === 0
      ? DETAIL
      : `${DETAIL}. Bytes of a call are medians where its ids differ in length: ${uneven.join(', ')}`;
  return { title: TITLE, detail, entries, sentences: wireSentences(entries) };
}

async function measureEntry(
  implementation: Contender,
  design: Design,
  target: Target,
  signal: AbortSignal,
): Promise<{ readonly entry: WireEntry; readonly spread: number }> {
  const { name } = implementation;
  const during = <T>(act: (client: CountedClient) => Promise<T>): Promise<T> => {
    return withCountedClient((through) => implementation.open(design, through), target, act);
  };
  try {
    const { first, later, end } = await during(async (client) => {
      const first = await client.costOf(() => client.call(signal), signal);
      const later: WireCost[] = [];
      while (later.length < LATER_CALLS) later.push(await client.costOf(() => client.call(signal), signal));
      return { first, later, end: await client.costOf(() => client.close(), signal) };
    });
    // who disconnects right after a call also waits for what that call left to tidy up
    const life = await during((client) =>
      client.costOf(async () => {
        await client.call(signal);
        await client.close();
      }, signal),
    );
    const { cost: call, spread } = typical(later);
    const teardown = { ...end, roundTrips: life.roundTrips - first.roundTrips };
    return { entry: { implementation: name, design, setUp: minus(first, call), call, teardown }, spread };
  } catch (error) {
    signal.throwIfAborted();
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`counting the wire cost of ${name} ${design}: ${why}`, { cause: error });
  }
}

/**
 * What every one of these calls cost, and by how much they differ in bytes.
 * @throws Error if they differ in frames or round trips
 */
function typical(calls: readonly WireCost[]): { readonly cost: WireCost; readonly spread: number } {
  const same = (of: (cost: WireCost) => number, what: string): number => {
    const counts = calls.map(of);
    const [first = 0] = counts;
    if (counts.every((count) => count === first)) return first;
    throw new Error(`its calls differ in ${what} (${counts.join(', ')}), so that no number is the cost of one`);
  };
  const bytesOut = calls.map((cost) => cost.bytesOut);
  const bytesIn = calls.map((cost) => cost.bytesIn);
  const spread = [bytesOut, bytesIn].map((bytes) => Math.max(...bytes) - Math.min(...bytes));
  const cost = {
    framesOut: same((one) => one.framesOut, 'frames sent'),
    framesIn: same((one) => one.framesIn, 'frames received'),
    bytesOut: median(bytesOut),
    bytesIn: median(bytesIn),
    roundTrips: same((one) => one.roundTrips, 'round trips'),
  };
  return { cost, spread: Math.max(...spread) };
}
