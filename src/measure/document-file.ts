import type { BrokerCost, Ratio, WireCost, WireEntry, WireResult, WorkloadResult } from './document.ts';
import { type ComparisonDocument, DOCUMENT_VERSION, type Entry, figures, type LevelResult } from './document.ts';
import { designs } from './implementation.ts';
import type { Tally } from './samples.ts';

/**
 * Reads a document that `--json` wrote. It looks at what the renderings rely on; what it doesn't know it leaves alone, so
 * that a later program's additions do no harm.
 * @param fileName for messages
 * @throws Error if it is none, if its version is another one, or where it is not as it should be: it says where
 */
export function parseDocument(text: string, fileName: string): ComparisonDocument {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`${fileName} is not JSON (${(error as Error).message}): expected a file that --json wrote`);
  }
  const { format, version } = Object(value) as Record<string, unknown>;
  if (format !== 'fib-worker comparison')
    throw new Error(
      `${fileName} is no comparison: expected a file that --json wrote, with "format": "fib-worker comparison"`,
    );
  if (version !== DOCUMENT_VERSION) {
    const newer = typeof version === 'number' && version > DOCUMENT_VERSION;
    throw new Error(
      `${fileName} has version ${shown(version)} of the format, and this program reads version ${DOCUMENT_VERSION}: ` +
        (newer ? 'take the newer program that wrote it' : 'measure again'),
    );
  }
  try {
    document(value, '');
  } catch (error) {
    throw error instanceof Unexpected ? new Error(`${fileName} is damaged: ${error.message}`) : error;
  }
  return value as ComparisonDocument;
}

/** Something in a document is not what it should be. */
class Unexpected extends Error {
  constructor(at: string, expected: string, found: unknown) {
    super(`${at || 'the document'}: expected ${expected}, found ${shown(found)}`);
  }
}

/** Throws {@link Unexpected} unless the value is right. `at` says where it stands: `workloads[2].title`. */
type Check = (value: unknown, at: string) => void;

/** Exactly the fields of a type have to be named; those that may be absent by {@link optional}. */
type Checks<T> = { readonly [K in keyof T]-?: Check };

const string: Check = (value, at) => {
  if (typeof value !== 'string') throw new Unexpected(at, 'a string', value);
};

const number: Check = (value, at) => {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new Unexpected(at, 'a number', value);
};

const date: Check = (value, at) => {
  if (typeof value !== 'string' || Number.isNaN(Date.parse(value))) throw new Unexpected(at, 'a date', value);
};

const list =
  (item: Check): Check =>
  (value, at) => {
    if (!Array.isArray(value)) throw new Unexpected(at, 'a list', value);
    for (const [index, one] of value.entries()) item(one, `${at}[${index}]`);
  };

const pair =
  (first: Check, second: Check): Check =>
  (value, at) => {
    if (!Array.isArray(value) || value.length !== 2) throw new Unexpected(at, 'a list of two', value);
    first(value[0], `${at}[0]`);
    second(value[1], `${at}[1]`);
  };

const oneOf =
  (names: readonly string[]): Check =>
  (value, at) => {
    if (typeof value !== 'string' || !names.includes(value)) throw new Unexpected(at, names.join(' or '), value);
  };

const optional =
  (check: Check): Check =>
  (value, at) => {
    if (value !== undefined) check(value, at);
  };

function fields<T>(checks: Checks<T>): Check {
  return (value, at) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new Unexpected(at, 'an object', value);
    const found = value as Record<string, unknown>;
    for (const [name, check] of Object.entries<Check>(checks)) {
      check(Object.hasOwn(found, name) ? found[name] : undefined, at === '' ? name : `${at}.${name}`);
    }
  };
}

const design = oneOf(designs);
const figureName = oneOf(Object.keys(figures));

const ratio = fields<Ratio>({
  median: number,
  rounds: list(number),
  interval: optional(fields<NonNullable<Ratio['interval']>>({ low: number, high: number, coverage: number })),
});

const tally = fields<Tally>({
  calls: number,
  right: number,
  wrong: number,
  timeouts: number,
  errors: number,
  discarded: number,
  firstFailure: optional(string),
});

const broker = fields<BrokerCost>({
  connections: optional(number),
  channels: optional(number),
  queues: optional(number),
  processes: optional(number),
  memory: optional(number),
  connectionsOpened: optional(number),
  queuesDeclared: optional(number),
  queuesDeleted: optional(number),
  clients: number,
});

const estimate = optional(fields({ median: number, rounds: list(number) }));

const entry = fields<Entry>({
  implementation: string,
  design,
  figures: fields<Entry['figures']>({
    rate: estimate,
    p50: estimate,
    p90: estimate,
    p99: estimate,
    setUp: estimate,
    recovery: estimate,
    peakMemory: estimate,
  }),
  percentiles: list(pair(number, number)),
  toBaseline: optional(ratio),
  toFloor: optional(ratio),
  measured: tally,
  broker: optional(broker),
});

const workload = fields<WorkloadResult>({
  name: string,
  title: string,
  detail: string,
  headline: figureName,
  columns: list(figureName),
  levelUnit: string,
  levels: list(
    fields<LevelResult>({ level: number, label: string, title: string, rounds: number, entries: list(entry) }),
  ),
  sentences: list(string),
});

const wireCost = fields<WireCost>({
  framesOut: number,
  framesIn: number,
  bytesOut: number,
  bytesIn: number,
  roundTrips: number,
});

const wire = fields<WireResult>({
  title: string,
  detail: string,
  entries: list(
    fields<WireEntry>({ implementation: string, design, setUp: wireCost, call: wireCost, teardown: wireCost }),
  ),
  sentences: list(string),
});

const document = fields<ComparisonDocument>({
  format: string,
  version: number,
  began: date,
  took: number,
  cutShort: optional(string),
  broker: string,
  baseline: design,
  implementations: list(fields<ComparisonDocument['implementations'][number]>({ name: string, detail: string })),
  workloads: list(workload),
  wire: optional(wire),
  reading: list(pair(string, string)),
  conditions: list(pair(string, string)),
});

/** A value in short, for a message. */
function shown(value: unknown): string {
  return value === undefined ? 'nothing' : (JSON.stringify(value)?.slice(0, 40) ?? typeof value);
}
