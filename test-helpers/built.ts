import { ofThisRun } from './run.ts';

/** The folder of the built programs. */
export const programFolder = await ofThisRun('programs');
