import type { WireEntry } from '../document.ts';
import { implementationsIn } from '../entries.ts';
import type { Design } from '../implementation.ts';
import { and } from '../text-table.ts';

/** The round-trip time that the sentences reckon with, in ms: that between two regions, say. */
const RTT = 20;

const names: Readonly<Record<Design, string>> = {
  'per-request': 'a queue per request',
  exclusive: 'a queue per client',
  direct: 'Direct Reply-To',
};

/** The round trips of one design. */
interface Trips {
  readonly design: Design;
  readonly setUp: number;
  readonly call: number;
  readonly teardown: number;
  readonly life: number;
}

/** What a client does, and the name of it. */
const acts = {
  setUp: 'to set up',
  call: 'for a call',
  teardown: 'to disconnect',
  life: 'to set up, call once and disconnect',
} as const satisfies Record<keyof Omit<Trips, 'design'>, string>;

/**
 * Which design takes the fewest round trips, for what: two sentences for the implementations that agree, and one if some
 * with the same designs do not agree on that.
 */
export function wireSentences(entries: readonly WireEntry[]): string[] {
  const agreeing = new Map<string, { implementations: string[]; trips: Trips[] }>();
  for (const implementation of implementationsIn([{ entries }])) {
    const trips = entries.filter((entry) => entry.implementation === implementation).map(tripsOf);
    const key = JSON.stringify(trips);
    const known = agreeing.get(key);
    if (known) known.implementations.push(implementation);
    else agreeing.set(key, { implementations: [implementation], trips });
  }
  const groups = [...agreeing.values()];
  const sentences = groups.flatMap(({ implementations, trips }) => {
    const who = and(implementations);
    const reckoned = ranking(
      trips,
      (one) => one.life,
      (life) => `${life} (${life * RTT} ms)`,
    );
    return [
      `${who}, round trips: ${acts.setUp} ${ranking(trips, (one) => one.setUp)}; ` +
        `${acts.call} ${ranking(trips, (one) => one.call)}; ${acts.teardown} ${ranking(trips, (one) => one.teardown)}.`,
      `${who}, ${acts.life}: ${reckoned}; the ms are arithmetic, at ${RTT} ms for a round trip.`,
    ];
  });
  return [...sentences, ...disagreement(groups.map(({ trips }) => trips))];
}

function disagreement(groups: readonly (readonly Trips[])[]): string[] {
  const comparable = groups.filter((trips) => trips.length === Math.max(...groups.map(({ length }) => length)));
  const disputed = (Object.keys(acts) as (keyof typeof acts)[]).filter((act) => {
    return new Set(comparable.map((trips) => fewest(trips, act).join())).size > 1;
  });
  if (disputed.length === 0) return [];
  return [
    `The implementations do not agree on which design takes the fewest round trips ${and(disputed.map((act) => acts[act]))}: ` +
      'that depends on what a client sends without waiting for an answer, and not on the design alone.',
  ];
}

function fewest(trips: readonly Trips[], act: keyof typeof acts): Design[] {
  const least = Math.min(...trips.map((one) => one[act]));
  return trips.filter((one) => one[act] === least).map(({ design }) => design);
}

function tripsOf({ design, setUp, call, teardown }: WireEntry): Trips {
  const [a, b, c] = [setUp.roundTrips, call.roundTrips, teardown.roundTrips];
  return { design, setUp: a, call: b, teardown: c, life: a + b + c };
}

/** The fewest first: `5 with a queue per request, 6 with Direct Reply-To and a queue per client`. */
function ranking(trips: readonly Trips[], of: (one: Trips) => number, say: (count: number) => string = String): string {
  const counts = [...new Set(trips.map(of))].sort((a, b) => a - b);
  const [only] = counts;
  if (counts.length === 1 && only !== undefined && trips.length > 1) return `${say(only)} with every design`;
  return counts
    .map(
      (count) =>
        `${say(count)} with ${and(trips.filter((one) => of(one) === count).map(({ design }) => names[design]))}`,
    )
    .join(', ');
}
