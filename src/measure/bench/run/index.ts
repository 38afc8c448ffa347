import { calls } from './calls.ts';
import { flat } from './flat.ts';
import { growth } from './growth.ts';
import { memory } from './memory.ts';
import { prefetch } from './prefetch.ts';
import type { Section } from './section.ts';
import { start } from './start.ts';
import { wire } from './wire.ts';

/** Everything that is measured, in the order in which it is. */
export const sections: readonly Section[] = [calls, prefetch, start, wire, memory, flat, ...growth];
