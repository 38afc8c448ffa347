import type { Design } from '../../implementation.ts';
import { measureWire } from '../../wire/measure-wire.ts';
import type { Section } from './section.ts';

/** The row, and what it counts. */
export const FIRST_REPLY = 'network round trips from connecting to the first reply';

/** Counted, not timed. */
export const wire: Section = {
  name: 'wire',
  title: 'what the first reply takes',
  detail: 'Counted by a proxy that reads the frames; making the TCP connection is one round trip',
  columns: ['roundTrips'],
  async *run(stage) {
    const { target, signal, contenders } = stage.options;
    const served = await Promise.all(
      contenders.map(async (one) => {
        const { queue } = await stage.served(one, 100);
        const designs: Design[] = one.designs.includes('direct') ? ['direct'] : [...one.designs];
        return {
          name: one.name,
          designs,
          open: (design: Design, to: typeof target) => one.open(design, { ...to, queue }),
        };
      }),
    );
    const { entries } = await measureWire({ implementations: served, target: { ...target, queue: '' }, signal });
    for (const { implementation, setUp, call } of entries) {
      const values = { roundTrips: setUp.roundTrips + call.roundTrips };
      yield { row: FIRST_REPLY, contender: implementation, round: 1, values };
    }
  },
};
