import { parseArgs } from 'node:util';
import { redactTyped } from '../amqp/url.ts';
import { printable } from '../protocol/text.ts';
import { helpText } from './help.ts';
import { type OptionTable, type OptionValues, type Program, UsageError } from './option.ts';
import { quote, redact } from './redact.ts';
import { type ValueParser, yesOrNo } from './value-parsers.ts';

/** The command line's wish: to run with these values, or only to print a text (`--help`, `--version`) and exit 0. */
export type CommandLine<T extends OptionTable> =
  | { readonly kind: 'run'; readonly values: OptionValues<T>; readonly positionals: readonly string[] }
  | { readonly kind: 'print'; readonly text: string };

type Option = OptionTable[string];

/** A flag's option; `on` is false for `--no-…`. */
interface Flag {
  readonly key: string;
  readonly option: Option;
  readonly on: boolean;
}

/** A value as it was given, and the name by which its giver knows it: `--timeout`, `-t`, `RPC_TIMEOUT`. */
interface Given {
  readonly name: string;
  readonly text: string;
}

/** The values of the flags, by the option's key. */
interface Flagged {
  readonly texts: Map<string, Given[]>;
  readonly switches: Map<string, boolean>;
  readonly positionals: string[];
}

/**
 * Reads a program's options from flags, then environment variables, then defaults; a flag wins over its variable, even
 * over a wrong one. `argv` and `env` default to this process's arguments and environment.
 *
 * @throws UsageError naming the option, as the user gave it, and the value
 */
export function parseCommandLine<const T extends OptionTable>(
  program: Program<T>,
  argv: readonly string[] = process.argv.slice(2),
  env: Readonly<Record<string, string | undefined>> = process.env,
): CommandLine<T> {
  const flags = flagsOf(program.options);
  const tokens = tokenize(argv, formsOf(flags));
  const asked = (name: string): boolean => tokens.some((token) => token.kind === 'flag' && token.name === name);
  // Who asks for help gets it, even if something else is wrong.
  if (asked('help')) return { kind: 'print', text: helpText(program) };
  if (asked('version')) return { kind: 'print', text: `${program.name} ${program.version}\n` };

  const flagged = readFlags(tokens, flags);
  const [unexpected] = flagged.positionals;
  if (unexpected !== undefined && !program.positionals) {
    throw new UsageError(`unexpected argument ${quote(unexpected)}; --help lists what there is`);
  }
  const values = Object.entries(program.options).map(([key, option]) => [key, valueFor(key, option, flagged, env)]);
  return { kind: 'run', values: Object.fromEntries(values) as OptionValues<T>, positionals: flagged.positionals };
}

function flagsOf(table: OptionTable): Map<string, Flag> {
  const flags = new Map<string, Flag>();
  for (const [key, option] of Object.entries(table)) {
    flags.set(option.flag, { key, option, on: true });
    if (option.type === 'boolean') flags.set(`no-${option.flag}`, { key, option, on: false });
  }
  return flags;
}

function formsOf(flags: ReadonlyMap<string, Flag>): Record<string, FlagForm> {
  const forms: Record<string, FlagForm> = { help: { type: 'boolean', short: 'h' }, version: { type: 'boolean' } };
  for (const [name, { option, on }] of flags) {
    forms[name] = { type: option.type, ...(option.short && on ? { short: option.short } : {}) };
  }
  return forms;
}

function readFlags(tokens: readonly Token[], flags: ReadonlyMap<string, Flag>): Flagged {
  const flagged: Flagged = { texts: new Map(), switches: new Map(), positionals: [] };
  for (const token of tokens) {
    if (token.kind === 'positional') {
      flagged.positionals.push(token.text);
      continue;
    }
    const { name, typed, text, dubious } = token;
    const flag = flags.get(name);
    if (!flag) throw unknownOption(typed, flags);
    const { key, option, on } = flag;
    if (option.type === 'boolean') {
      if (text !== undefined) throw new UsageError(`${typed} takes no value: --${option.flag} or --no-${option.flag}`);
      flagged.switches.set(key, on);
    } else if (text === undefined || dubious) {
      const hint = dubious && typed.startsWith('--') ? ` (${typed}=… if it begins with a dash)` : '';
      throw new UsageError(`${typed} needs a value: ${typed} ${option.placeholder}${hint}`);
    } else flagged.texts.set(key, [...(flagged.texts.get(key) ?? []), { name: typed, text }]);
  }
  return flagged;
}

function valueFor(key: string, option: Option, flagged: Flagged, env: Readonly<Record<string, string | undefined>>) {
  // Compose and Kubernetes files set variables to nothing when they mean to leave them out.
  const text = option.env && env[option.env];
  const variable = option.env && text ? { name: option.env, text } : undefined;
  if (option.type === 'boolean') {
    return flagged.switches.get(key) ?? (variable ? parseValue(variable, yesOrNo) : (option.default ?? false));
  }
  const fallback =
    option.default === undefined ? [] : [{ name: `the default of --${option.flag}`, text: option.default }];
  const given = flagged.texts.get(key) ?? (variable ? [variable] : fallback);
  const last = given.at(-1);
  if (!last) return undefined;
  if (option.multiple) return given.flatMap((one) => parseValue(one, option.parse, option.secret));
  return parseValue(last, option.parse, option.secret);
}

function parseValue<T>({ name, text }: Given, parse: ValueParser<T>, secret = false): T {
  try {
    return parse(text);
  } catch (error) {
    const expected = error instanceof Error ? error.message : String(error);
    const shown = secret ? '(value not shown)' : quote(text);
    // No cause: it could hold the value that is not to be shown.
    throw new UsageError(printable(redact(`${name} ${shown}: expected ${expected}`)));
  }
}

function unknownOption(typed: string, flags: ReadonlyMap<string, Flag>): UsageError {
  const meant = nearest(typed.replace(/^-+/, ''), [...flags.keys(), 'help', 'version']);
  const guess = meant === undefined ? '' : `did you mean --${meant}? `;
  return new UsageError(`unknown option ${printable(redactTyped(typed))}; ${guess}--help lists what there is`);
}

/** A flag as parseArgs needs to know it. */
interface FlagForm {
  readonly type: 'boolean' | 'string';
  readonly short?: string;
}

/** A piece of a command line. */
type Token =
  | { readonly kind: 'positional'; readonly text: string }
  | {
      readonly kind: 'flag';
      /** The long name without dashes, or what stands there instead if no such flag is known. */
      readonly name: string;
      /** As it was typed, without its value: `-t`, `--timeout`. */
      readonly typed: string;
      /** Its value, if one was given. */
      readonly text: string | undefined;
      /** Its value is the next word, and that begins with a dash: most likely a flag, and the value was forgotten. */
      readonly dubious: boolean;
    };

/**
 * Splits a command line. Unknown flags are tokens too: the caller judges. What begins like a negative number (`-1`)
 * is a value or a positional, never a flag.
 */
function tokenize(argv: readonly string[], forms: Readonly<Record<string, FlagForm>>): readonly Token[] {
  const { tokens } = parseArgs({
    args: argv.map(shield),
    options: forms,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  return tokens.flatMap((token): Token[] => {
    if (token.kind === 'option-terminator') return [];
    if (token.kind === 'positional') return [{ kind: 'positional', text: unshield(token.value) }];
    const { name, rawName: typed, value, inlineValue } = token;
    const text = value === undefined ? undefined : unshield(value);
    return [{ kind: 'flag', name, typed, text, dubious: !inlineValue && /^-./.test(value ?? '') }];
  });
}

/** No argument can hold a NUL, so this can be told from everything that was typed. */
function shield(argument: string): string {
  return /^-[0-9.]/.test(argument) ? `\0${argument}` : argument;
}

function unshield(argument: string): string {
  return argument.startsWith('\0') ? argument.slice(1) : argument;
}

/** The candidate that a mistyped word most likely meant, or undefined if none is near (two letters wrong at most). */
function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: { readonly candidate: string; readonly distance: number } | undefined;
  for (const candidate of candidates) {
    const distance = editDistance(word, candidate);
    // In a short word two wrong letters are another word.
    if (distance <= Math.min(2, candidate.length / 3) && distance < (best?.distance ?? Infinity)) {
      best = { candidate, distance };
    }
  }
  return best?.candidate;
}

/** Levenshtein's distance, a row at a time. */
function editDistance(from: string, to: string): number {
  if (Math.abs(from.length - to.length) > 2) return Infinity;
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? Infinity;
}
