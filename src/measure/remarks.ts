import type { LevelResult } from './document.ts';
import { designsIn, entryOf, implementationsIn } from './entries.ts';
import { failed } from './samples.ts';
import { and, figure } from './text-table.ts';
import type { Workload } from './workloads/index.ts';

/** So many readings of so many clients are enough not to be a matter of luck. */
const READINGS = 3;
const CLIENTS = 100;

/** What the broker holds for each of many clients: at the most of them that were read several times, or at all. */
export function perClient(levels: readonly LevelResult[]): string[] {
  const last = levels.findLast(({ rounds, level }) => rounds >= READINGS && level >= CLIENTS) ?? levels.at(-1);
  return implementationsIn(levels).flatMap((implementation) => {
    const said = designsIn(levels, implementation).flatMap((design) => {
      const broker = entryOf(last?.entries ?? [], implementation, design)?.broker;
      if (!broker || broker.clients < 2) return [];
      const { clients, queues, processes, memory } = broker;
      const each = (value: number | undefined) => figure((value ?? Number.NaN) / clients).replace(/\.0+$/, '');
      const parts = [
        `${each(queues)} queues`,
        `${each(processes)} processes`,
        `${each((memory ?? Number.NaN) / 1000)} kB in processes`,
      ];
      return [`${design} ${parts.join(', ')}`];
    });
    return said.length > 0
      ? [
          `For each of ${last?.level} clients of ${implementation} the broker held: ${said.join('; ')} ` +
            `(${last?.rounds === 1 ? 'one reading' : `median of ${last?.rounds} readings`}; some ten kB are noise).`,
        ]
      : [];
  });
}

/** An open loop that is answered so much more slowly than it calls is not kept up with. */
const KEPT_UP = 0.9;

/** Where an open loop offered more than could be answered: the times there are those of a backlog. */
export function backlogs(levels: readonly LevelResult[], offers: Workload['offers']): string[] {
  const behind = levels.flatMap(({ level, title, entries }) =>
    entries
      .filter(({ figures }) => offers && (figures.rate?.median ?? Number.POSITIVE_INFINITY) < KEPT_UP * offers(level))
      .map(({ implementation, design }) => `${implementation} ${design} (${title})`),
  );
  return behind.length > 0
    ? [
        `Did not keep up with the calls offered: ${and(behind)}; the times there are a backlog's, and grow with the turn.`,
      ]
    : [];
}

/** Which calls were not answered right. */
export function failures(levels: readonly LevelResult[]): string[] {
  const bad = levels.flatMap(({ title, entries }) =>
    entries
      .filter(({ measured }) => failed(measured) > 0)
      .map(
        ({ implementation, design, measured }) =>
          `${implementation} ${design} (${title}) ${failed(measured)} of ${measured.calls}`,
      ),
  );
  return bad.length > 0 ? [`Calls failed: ${and(bad)}.`] : [];
}
