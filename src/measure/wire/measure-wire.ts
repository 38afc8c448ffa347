import { parseAmqpUrl } from '../../amqp/url.ts';
import { median } from '../analysis/statistics.ts';
import type { Caller, Target } from '../contenders/implementation.ts';
import type { MeasureDocument, WireCost, WireEntry } from '../document/document.ts';
import { type CountedClient, minus, withCountedClient } from './counted-client.ts';

/** How many calls follow the first. With it they are fewer than ten: ids that count them have one digit. */
const LATER_CALLS = 5;

/** A caller's maker, and what to call it. */
interface Opener {
  readonly contender: string;
  readonly open: (target: Target) => Caller;
}

const DETAIL =
  'Counted by a proxy between client and broker, not timed, one call at a time. A round trip is all that the client ' +
  'sends before it has to wait, and the answer; making the TCP connection is one. Those of a call are those that it ' +
  'waits for; its frames and bytes hold also what is tidied up after it. Set-up is what the first call costs more than ' +
  'a later one; disconnecting is right after a call. Bytes are those of AMQP frames, heartbeats, TCP and IP left out';

/**
 * Counts what each contender costs on the wire; a worker that answers 30 with 832040 serves its queue. Over TLS nothing can be
 * counted: the result then says so and holds no entries.
 * @throws Error that names the contender if a call fails, or later calls differ in frames or round trips; the signal's reason
 */
export async function measureWire(options: {
  readonly openers: readonly Opener[];
  readonly target: Target;
  readonly signal: AbortSignal;
}): Promise<NonNullable<MeasureDocument['wire']>> {
  const { openers, target, signal } = options;
  if (parseAmqpUrl(target.url).tls) {
    const detail =
      'Not counted: over TLS the frames can’t be read; take an amqp:// URL of the same broker for this one';
    return { detail, entries: [] };
  }
  const measured: { readonly entry: WireEntry; readonly spread: number }[] = [];
  for (const opener of openers) measured.push(await measureEntry(opener, target, signal));
  const uneven = measured
    .filter(({ spread }) => spread > 0)
    .map(({ entry, spread }) => `${entry.contender} by ${spread}`);
  const detail =
    uneven.length === 0
      ? DETAIL
      : `${DETAIL}. Bytes of a call are medians where its ids differ in length: ${uneven.join(', ')}`;
  return { detail, entries: measured.map(({ entry }) => entry) };
}

async function measureEntry(
  { contender, open }: Opener,
  target: Target,
  signal: AbortSignal,
): Promise<{ readonly entry: WireEntry; readonly spread: number }> {
  const during = <T>(act: (client: CountedClient) => Promise<T>): Promise<T> => withCountedClient(open, target, act);
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
    return { entry: { contender, setUp: minus(first, call), call, teardown }, spread };
  } catch (error) {
    signal.throwIfAborted();
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`counting the wire cost of ${contender}: ${why}`, { cause: error });
  }
}

/**
 * The cost of each of these calls, and by how much they differ in bytes.
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
