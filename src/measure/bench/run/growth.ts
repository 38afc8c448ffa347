import { count, size } from '../../text-table.ts';
import type { FigureName } from './results.ts';
import type { Section } from './section.ts';
import { FLOOR } from './summary.ts';

/** Who is measured: the project and the least that it could cost. */
const CONTENDERS = ['fib-worker', FLOOR];

const PREFETCH = 100;

/** In flight in all, however many clients share them. */
const SHARED = 1_000;

/** In flight where the replies grow. */
const PAYLOAD_IN_FLIGHT = 8;

/** More in flight take seconds a turn: they have every third round, and no warm-up. */
const MANY = 10_000;

/** One size of the work. */
interface Level {
  readonly row: string;
  readonly clients: number;
  readonly inFlight: number;
  readonly bytes?: number;
}

const columns: readonly FigureName[] = ['rate', 'cpu'];

function section(name: string, title: string, detail: string, levels: readonly Level[]): Section {
  return {
    name,
    title,
    detail,
    columns,
    grows: true,
    async *run(stage) {
      const { rounds, short, onProgress } = stage.options;
      const chosen = short ? levels.slice(0, 2) : levels;
      for (let round = stage.firstRound; round <= rounds; round++) {
        onProgress(round === 0 ? 'warm-up' : `round ${round} of ${rounds}`);
        for (const { row, ...request } of chosen) {
          if (request.inFlight >= MANY && round % 3 !== 1) continue;
          for (const one of stage.inTurn(round, CONTENDERS)) {
            const sample = await stage.turn(one, PREFETCH, request);
            if (round > 0) yield { row, contender: one.name, round, ...sample };
          }
        }
      }
      for (const { clients } of chosen.filter((level) => level.clients > 1)) {
        for (const one of stage.inTurn(1, CONTENDERS)) {
          const { queue } = await stage.served(one, PREFETCH);
          await stage.client(one).ask('release', { queue, clients });
        }
      }
    },
  };
}

const detail = 'Prefetch 100; “× first” is what a call costs in the row over what it costs in the first';

/** Whether cost grows with the work, and no faster. */
export const growth: readonly Section[] = [
  section(
    'payload',
    'size of the reply',
    `${PAYLOAD_IN_FLIGHT} in flight over one connection. ${detail}`,
    [16, 1_024, 16_384, 131_072, 1_048_576].map((bytes) => ({
      row: size(bytes),
      clients: 1,
      inFlight: PAYLOAD_IN_FLIGHT,
      bytes,
    })),
  ),
  section(
    'in-flight',
    'calls in flight',
    `Over one connection. ${detail}`,
    [1, 10, 100, 1_000, MANY].map((inFlight) => ({ row: `${count(inFlight)} in flight`, clients: 1, inFlight })),
  ),
  section(
    'clients',
    'clients',
    `${count(SHARED)} calls in flight, shared by so many clients, each with a connection of its own. ${detail}`,
    [1, 10, 100, SHARED].map((clients) => ({
      row: clients === 1 ? '1 client' : `${count(clients)} clients`,
      clients,
      inFlight: SHARED,
    })),
  ),
];
