import type { Design } from '../implementation.ts';

/** How a design looks in every chart: never by its colour alone. */
interface Look {
  /** Stands for `variable` until the chart is drawn: the library reckons with colours, and knows no CSS variables. */
  readonly colour: string;
  readonly line: 'solid' | 'dashed' | 'dotted';
  readonly marker: 'circle' | 'rect' | 'triangle';
  /** Its size: what is drawn later is smaller, so that lines that lie upon each other can be told apart. */
  readonly markerSize: number;
}

/** Okabe and Ito's colours, which colour-blind people tell apart: blue, vermilion and green, by light and by dark. */
export const looks = {
  'per-request': { colour: '#ff0001', line: 'dotted', marker: 'triangle', markerSize: 10 },
  exclusive: { colour: '#ff0002', line: 'dashed', marker: 'rect', markerSize: 10 },
  direct: { colour: '#ff0003', line: 'solid', marker: 'circle', markerSize: 7 },
} as const satisfies Record<Design, Look>;

/** The charts' other colours, again standing for variables. */
export const ink = { text: '#ff0011', axis: '#ff0012', grid: '#ff0013', paper: '#ff0014' } as const;

/** What becomes of the colours above: CSS variables, which the page's style gives a value for light, dark and print. */
export const variables: Readonly<Record<string, string>> = {
  [looks['per-request'].colour]: '--per-request',
  [looks.exclusive.colour]: '--exclusive',
  [looks.direct.colour]: '--direct',
  [ink.text]: '--text',
  [ink.axis]: '--axis',
  [ink.grid]: '--grid',
  [ink.paper]: '--paper',
};
