import { designs } from '../contenders/implementation.ts';
import { upgraded } from './old.ts';
import {
  date,
  described,
  exactly,
  type Infer,
  list,
  number,
  object,
  oneOf,
  optional,
  pair,
  some,
  text,
  Unexpected,
} from './shape.ts';

/** The version of {@link MeasureDocument}: raised when a reader of the old form would misread the new one. */
export const DOCUMENT_VERSION = 2;

/** The figures of a turn: heading, unit, and which way is better. */
export const figures = {
  rate: { title: 'calls/s', unit: '', better: 'more' },
  p50: { title: 'p50 ms', unit: 'ms', better: 'less' },
  reply: { title: 'reply ms', unit: 'ms', better: 'less' },
  close: { title: 'close ms', unit: 'ms', better: 'less' },
  setUp: { title: 'set-up ms', unit: 'ms', better: 'less' },
  recovery: { title: 'recovery ms', unit: 'ms', better: 'less' },
  peakMemory: { title: 'peak MB', unit: 'bytes', better: 'less' },
  work: { title: 'reductions', unit: '', better: 'less' },
  brokerCpu: { title: 'broker µs', unit: 'µs', better: 'less' },
  clientCpu: { title: 'client µs', unit: 'µs', better: 'less' },
  workerCpu: { title: 'worker µs', unit: 'µs', better: 'less' },
  cpu: { title: 'both µs', unit: 'µs', better: 'less' },
  time: { title: 'ms', unit: 'ms', better: 'less' },
  rss: { title: 'RSS MB', unit: 'bytes', better: 'less' },
  waiting: { title: 'bytes', unit: '', better: 'less' },
  growth: { title: '× for 10 ×', unit: '', better: 'less' },
} as const satisfies Record<string, { title: string; unit: '' | 'ms' | 'µs' | 'bytes'; better: 'less' | 'more' }>;

/** The name of a figure. */
export type FigureName = keyof typeof figures;

const figureNames = Object.keys(figures) as FigureName[];
const figureName = described(
  'What was measured. `rate`: calls answered right per second. `p50`: the median time of a call, or of a whole life, in ms. ' +
    '`reply`, `close`: from connecting to the last reply of a life, and its closing, medians in ms. `setUp`: until all of N new ' +
    'clients have their first replies, over their number, in ms. `recovery`: from the end of the blockade to the last reply, ' +
    'in ms. `peakMemory`: the most that the broker’s memory grew by, in bytes. `work`: Erlang reductions of the broker for ' +
    'each call (of a life: for each life). `brokerCpu`, `clientCpu`, `workerCpu`, `cpu` (client and worker): processor time a ' +
    'call, in µs. `time`: of a whole process, in ms. `rss`: memory that a process occupies, in bytes. `waiting`: heap for ' +
    'each call that waits, in bytes. `growth`: processor time for 10 × N calls (or memory, where the level says so), over that for N. Of `rate` more is better, of all others less.',
  oneOf(figureNames),
);

/** Names: of what a client holds at the broker, and of what was done for each call of a turn. */
export const heldNames = ['connections', 'channels', 'queues', 'processes', 'memory'] as const;

const sample = object({
  scenario: text,
  level: number,
  contender: text,
  round: described('From 1; the warm-up is in no sample.', number),
  order: described('The place of the turn in the whole run, from 0.', number),
  start: described('When the turn began, in ms after the run did.', number),
  took: described('How long the whole turn took, set-up and tidying up included, in ms.', number),
  calls: described('Calls that were measured.', number),
  failed: described('How many of them were not answered right, for any reason.', number),
  timeouts: optional(described('How many of those got no reply in time.', number)),
  discarded: optional(described('Replies of the whole turn that nobody waited for.', number)),
  firstFailure: optional(text),
  elapsed: optional(described('How long was measured, in ms; absent where a rate would say nothing.', number)),
  clients: optional(described('Clients that were connected when the broker was looked at.', number)),
  held: optional(
    described(
      'What the broker held for them, beyond what it held before, in all. `processes`: of Erlang; `memory`: of these, in bytes.',
      some(heldNames, number),
    ),
  ),
  figures: described(
    'Absent where no call was answered right, or where it can’t be measured.',
    some(figureNames, number),
  ),
});

const contender = object({
  name: text,
  implementation: text,
  design: optional(described('How it gets its replies; absent where it is a program as a whole.', oneOf(designs))),
  detail: text,
  baseline: optional(described('The contender that its ratios are to; absent for that one itself.', text)),
});

const scenario = object({
  name: described('As `--only` takes it.', text),
  title: text,
  detail: text,
  unit: described('What the levels count; empty if there is one only.', text),
  headline: described('The figure that is compared.', figureName),
  figures: described('The figures worth a column.', list(figureName)),
  levels: list(object({ level: number, label: text, title: text })),
  outOfReach: optional(described('Why its highest levels could not be measured here.', text)),
});

const wireCost = object({
  framesOut: number,
  framesIn: number,
  bytesOut: number,
  bytesIn: number,
  roundTrips: described('How often the client waits for the broker; connecting by TCP is one of them.', number),
});

const wireEntry = object({
  contender: text,
  setUp: described('Connecting and all that is needed before the first call.', wireCost),
  call: described('One call on a connection that is set up.', wireCost),
  teardown: described('Disconnecting in order.', wireCost),
});

const shape = object({
  format: exactly('fib-worker comparison'),
  version: described(
    'Raised when a reader of the old form would misread the new one; a new optional field does not raise it.',
    exactly(DOCUMENT_VERSION),
  ),
  question: described(
    '`designs`: which reply design? `implementations`: which library?',
    oneOf(['designs', 'implementations']),
  ),
  began: date,
  took: described('In ms.', number),
  cutShort: optional(described('What ended it early. Absent if nothing did.', text)),
  broker: described('In short, as in `RabbitMQ 4.3.6, 3 nodes`.', text),
  contenders: list(contender),
  scenarios: list(scenario),
  samples: list(sample),
  percentiles: described(
    'Of all calls of all rounds together, in ms, where ten calls or more lie above.',
    list(object({ scenario: text, level: number, contender: text, percentiles: list(pair(number, number)) })),
  ),
  wire: optional(described('Counted by a proxy, not timed.', object({ detail: text, entries: list(wireEntry) }))),
  conditions: described('Name and value.', list(pair(text, text))),
});

/**
 * All that a run leaves, and all that its reports are made from: what was measured, turn by turn, and under which
 * conditions. Times are in ms, sizes in bytes, unless said otherwise. docs/comparison.schema.json is made from it.
 */
export type MeasureDocument = Infer<typeof shape>;
/** One turn: one contender at one level of one scenario in one round. */
export type Sample = Infer<typeof sample>;
/** One that is measured in turns: an implementation with a design, or a whole program. */
export type Contender = Infer<typeof contender>;
/** The scenario of samples, in the words of the report. */
export type ScenarioHead = Infer<typeof scenario>;
/** Frames and bytes both ways, and how often the client waits for the broker. */
export type WireCost = Infer<typeof wireCost>;
/** The costs of one contender on the wire. */
export type WireEntry = Infer<typeof wireEntry>;
/** Name and value. */
export type NamedLine = readonly [name: string, value: string];

/** The form of a document, for other programs: docs/comparison.schema.json. */
export const documentSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'fib-worker comparison',
  description:
    'What `node dist/compare.js --json FILE` writes: every turn that was measured, and under which conditions. Times are in ms, sizes ' +
    'in bytes, unless said otherwise. An optional field that is absent was not measured; nothing is null.',
  ...shape.schema,
};

/**
 * Reads a document that `--json` wrote, also an old one (version 1, and those of `npm run bench`), which is turned into today's form.
 * @param fileName for messages
 * @throws Error if it is none, if a newer program wrote it, or where it is not as it should be: it says where
 */
export function parseDocument(json: string, fileName: string): MeasureDocument {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new Error(`${fileName} is not JSON (${(error as Error).message}): expected a file that --json wrote`);
  }
  const { format, version } = Object(value) as Record<string, unknown>;
  try {
    const document = upgraded(value) ?? value;
    if (format === 'fib-worker comparison' && typeof version === 'number' && version > DOCUMENT_VERSION)
      throw new Error(
        `${fileName} has version ${version} of the format, and this program reads up to ${DOCUMENT_VERSION}: take the newer program that wrote it`,
      );
    if (document === value && format !== 'fib-worker comparison')
      throw new Error(
        `${fileName} is no comparison: expected a file that --json wrote, with "format": "fib-worker comparison"`,
      );
    shape.check(document, '');
    return document as MeasureDocument;
  } catch (error) {
    throw error instanceof Unexpected ? new Error(`${fileName} is damaged: ${error.message}`) : error;
  }
}
