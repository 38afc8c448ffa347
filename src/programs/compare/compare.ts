import { setMaxListeners } from 'node:events';
import { statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { redactTyped } from '../../amqp/url.ts';
import { brokerEnv } from '../../cli/broker-options.ts';
import { parseCommandLine } from '../../cli/command-line.ts';
import { UsageError } from '../../cli/option.ts';
import { readOptionFile } from '../../cli/option-files.ts';
import { exitOnBrokenPipe, Interrupted, onShutdown, say } from '../../cli/process.ts';
import { quote } from '../../cli/redact.ts';
import { version } from '../../cli/version.ts';
import { findingsOf } from '../../measure/analysis/findings.ts';
import { documentSchema, type MeasureDocument, parseDocument } from '../../measure/document/document.ts';
import { Disposables } from '../../measure/engine/disposables.ts';
import { renderDiff } from '../../measure/report/diff.ts';
import { renderPage } from '../../measure/report/page.ts';
import { renderPicture } from '../../measure/report/picture.ts';
import { renderAnswers, renderScenario, renderTable } from '../../measure/report/table.ts';
import { renderText } from '../../measure/report/text.ts';
import { designScenarios } from '../../measure/scenarios/designs.ts';
import { implementationScenarios } from '../../measure/scenarios/implementations.ts';
import { compareOptions } from './compare-options.ts';
import { run, WIRE } from './run.ts';

const scenarios = {
  designs: [...designScenarios.map(({ name }) => name), WIRE],
  implementations: [...implementationScenarios([]).map(({ name }) => name), WIRE],
} as const;

const program = {
  name: 'fib-compare',
  version,
  usage:
    'node compare.js [options]\n       node compare.js show FILE [--html FILE]\n       node compare.js diff FILE FILE\n       node compare.js table FILE… [--only SCENARIO]\n       node compare.js answer FILE…\n       node compare.js picture FILE\n       node compare.js schema',
  summary: `Which reply design? Measures three ways to get a reply on your own RabbitMQ: a queue per request, a queue per client (the
tutorial's), and Direct Reply-To. With --implementations: which library?
Without a URL it takes a broker on localhost:5672, or starts one. Interrupted, it cleans up and prints what it has.
show prints again what --json wrote, diff sets two such files side by side; table (or, with --only, one scenario's) and
answer print of several such files what the docs have of them, in Markdown, picture an SVG; schema prints their JSON Schema.`,
  positionals: true,
  options: compareOptions([...new Set([...scenarios.designs, ...scenarios.implementations])]),
} as const;

type Options = Extract<ReturnType<typeof parseCommandLine<typeof program.options>>, { kind: 'run' }>['values'];

async function main(): Promise<number> {
  const commandLine = parseCommandLine(program);
  if (commandLine.kind === 'print') {
    process.stdout.write(commandLine.text);
    return 0;
  }
  exitOnBrokenPipe();
  const { values: options, positionals } = commandLine;
  const [command, ...files] = positionals;
  expectFolders(options);
  if (command === undefined) return measure(options);
  const [a = '', b = ''] = files;
  if (command === 'show' && files.length === 1) write(readDocument(a), options);
  else if (command === 'diff' && files.length === 2) process.stdout.write(renderDiff(readDocument(a), readDocument(b)));
  else if (command === 'table' && files.length > 0)
    process.stdout.write(tableOf(files.map(readDocument), options.only));
  else if (command === 'answer' && files.length > 0) process.stdout.write(renderAnswers(files.map(readDocument)));
  else if (command === 'picture' && files.length === 1)
    process.stdout.write(usable(() => renderPicture(findingsOf(readDocument(a)))));
  else if (command === 'schema' && files.length === 0)
    process.stdout.write(`${JSON.stringify(documentSchema, undefined, 2)}\n`);
  else
    throw new UsageError(
      `expected show FILE, diff FILE FILE, table FILE…, answer FILE…, picture FILE or schema, got ${positionals.map(quote).join(' ')}`,
    );
  return 0;
}

async function measure(options: Options): Promise<number> {
  const question = options.implementations ? 'implementations' : 'designs';
  const stranger = options.only?.find((name) => !scenarios[question].includes(name));
  if (stranger !== undefined)
    throw new UsageError(
      `--only ${stranger}: expected one of ${scenarios[question].join(', ')} ${options.implementations ? 'with' : 'without'} --implementations`,
    );
  const stop = new AbortController();
  setMaxListeners(0, stop.signal); // every process that is started listens to it
  onShutdown((signal) => {
    const reason = new Interrupted(signal);
    say(`\n${reason.message}: cleaning up`);
    stop.abort(reason);
  });
  const asked = {
    question,
    env: brokerEnv(options),
    version: options.rabbitmq,
    nodes: options.nodes,
    only: options.only,
    budget: options.budget,
    rounds: options.rounds,
    length: { time: options.turn, calls: options.calls },
    clients: options.clients,
    rates: options.rate,
    rtt: options.rtt ?? 0,
    prefetch: options.prefetch,
    queueType: options.queueType,
    metricsUrls: options.metricsUrls,
    folder: import.meta.dirname,
    say,
  } as const;
  const { document, failure } = await Disposables.use((started) => run(asked, stop, started));
  write(document, options);
  if (!failure) return 0;
  if (failure instanceof Interrupted) return failure.exitCode;
  say(`fib-compare: stopped early: ${failure.message}`);
  return 1;
}

function write(document: MeasureDocument, { json, html, verbose }: Options): void {
  const findings = findingsOf(document);
  process.stdout.write(renderText(findings, { verbose }));
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(document)}\n`);
  if (html !== undefined) writeFileSync(html, renderPage(findings));
}

function tableOf(documents: readonly MeasureDocument[], only: readonly string[] | undefined): string {
  if (!only) return renderTable(documents);
  const tables = documents.flatMap((document) => only.map((name) => usable(() => renderScenario(document, name))));
  return tables.join('\n');
}

function readDocument(file: string): MeasureDocument {
  const content = readOptionFile({ option: 'the file', file }).toString();
  return usable(() => parseDocument(content, file));
}

/** What goes wrong with a file that was named is the user's to mend. */
function usable<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** Rather before the measuring than after it. */
function expectFolders({ json, html }: Options): void {
  for (const [flag, file] of [
    ['--json', json],
    ['--html', html],
  ] as const) {
    if (file === undefined) continue;
    if (!statSync(path.dirname(file), { throwIfNoEntry: false })?.isDirectory())
      throw new UsageError(`${flag} ${redactTyped(file)}: there is no such folder`);
  }
}

main().then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: unknown) => {
    if (!(error instanceof Interrupted)) say(`fib-compare: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode =
      error instanceof Interrupted ? error.exitCode : error instanceof UsageError ? UsageError.exitCode : 1;
  },
);
