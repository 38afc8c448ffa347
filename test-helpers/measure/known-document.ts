import { designs } from '../../src/measure/contenders/implementation.ts';
import { headOf } from '../../src/measure/document/compose.ts';
import type { Contender, FigureName, MeasureDocument, Sample } from '../../src/measure/document/document.ts';
import { designScenarios } from '../../src/measure/scenarios/designs.ts';

/** This project and the floor, with each design. */
export const knownContenders: readonly Contender[] = ['fib-worker', 'floor'].flatMap((implementation) =>
  designs.map((design) => ({
    name: `${implementation} ${design}`,
    implementation,
    design,
    detail: `what ${implementation} is`,
    ...(design === 'exclusive' ? {} : { baseline: `${implementation} exclusive` }),
  })),
);

/** A sample of these figures. */
export function sampleOf(
  place: Pick<Sample, 'scenario' | 'level' | 'contender' | 'round'>,
  figures: Sample['figures'],
  changes: Partial<Sample> = {},
): Sample {
  return { ...place, order: 0, start: 0, took: 100, calls: 50, failed: 0, elapsed: 100, figures, ...changes };
}

/** A little up, a little down: what rounds that are alike differ by. */
const jitter = (round: number, of: number) => 1 + 0.01 * (((round * 7 + of * 3) % 5) - 2);

/**
 * A document in which Direct Reply-To is a known number of times as good as a queue per client, everywhere, and a queue per request a
 * tenth as good; like a run, but not one: nobody shall take these for figures.
 */
export function knownDocument(asGood: number, rounds = 12, changes: Partial<MeasureDocument> = {}): MeasureDocument {
  const factor = { direct: asGood, exclusive: 1, 'per-request': 0.1 } as const;
  const figureOf = (name: FigureName, good: number) => (name === 'rate' ? 5_000 * good : 2 / good);
  const samples = designScenarios.flatMap(({ name, levels, figures }) =>
    levels.flatMap((level) =>
      knownContenders.flatMap(({ name: contender, design = 'direct' }, index) =>
        Array.from({ length: rounds }, (_, at) => {
          const good = factor[design] * jitter(at, index);
          const held = {
            connections: 1,
            channels: 1,
            queues: design === 'exclusive' ? 1 : 0,
            processes: 12,
            memory: 1,
          };
          return sampleOf(
            { scenario: name, level, contender, round: at + 1 },
            Object.fromEntries(figures.map((figure) => [figure, figureOf(figure, good)])),
            name === 'clients'
              ? {
                  clients: level,
                  held: Object.fromEntries(Object.entries(held).map(([key, one]) => [key, one * level])),
                }
              : {},
          );
        }),
      ),
    ),
  );
  const cost = { framesOut: 3, framesIn: 3, bytesOut: 200, bytesIn: 150, roundTrips: 1 };
  return {
    format: 'fib-worker comparison',
    version: 2,
    question: 'designs',
    began: '2026-11-21T08:00:00.000Z',
    took: 300_000,
    broker: 'RabbitMQ 4.3.6',
    contenders: knownContenders,
    scenarios: designScenarios.map((one) => headOf(one)),
    samples: samples.map((sample, order) => ({ ...sample, order })),
    percentiles: [
      {
        scenario: 'flight',
        level: 64,
        contender: 'fib-worker direct',
        percentiles: [
          [50, 1],
          [99, 9.5],
        ],
      },
    ],
    wire: {
      detail: 'Counted',
      entries: knownContenders.map(({ name }) => ({
        contender: name,
        setUp: { ...cost, roundTrips: 6 },
        call: cost,
        teardown: cost,
      })),
    },
    conditions: [['broker', 'somewhere <b>else</b>']],
    ...changes,
  };
}
