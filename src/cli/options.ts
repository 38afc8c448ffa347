import { helpText } from './help.ts';
import { nearest } from './nearest.ts';
import type { OptionTable, OptionValues, Program } from './option-table.ts';
import { printable, quote, redact } from './printable.ts';
import { type FlagForm, type Token, tokenize } from './tokenize.ts';
import { UsageError } from './usage-error.ts';
import { type ValueParser, yesOrNo } from './value-parsers.ts';

/** What the command line asks for: to run with these values, or only to print a text (`--help`, `--version`) and exit 0. */
type CommandLine<T extends OptionTable> =
  | { readonly kind: 'run'; readonly values: OptionValues<T>; readonly positionals: readonly string[] }
  | { readonly kind: 'print'; readonly text: string };

type Option = OptionTable[string];

/** What a flag stands for; `on` is false for `--no-…`. */
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

/** What the flags say, by the option's key. */
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
  // Whoever asks for help gets it, whatever else is wrong.
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
  return new UsageError(`unknown option ${printable(redact(typed))}; ${guess}--help lists what there is`);
}
