import { ofThisRun } from './run.ts';

/** Where the built programs lie. */
export const programFolder = await ofThisRun('programs');
