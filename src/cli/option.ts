import type { ValueParser } from './value-parsers.ts';

/** How an option is called and explained. */
export interface OptionNames {
  /** The long flag without its dashes: `max-n`. */
  readonly flag: string;
  /** One letter: `t` for `-t`. `h` is taken by `--help`. */
  readonly short?: string;
  /** The environment variable that gives the value where the flag doesn't. Set but empty counts as not set. */
  readonly env?: string;
  /** Its purpose, for `--help`: a phrase, no full stop. */
  readonly help: string;
}

/** A flag that is on or off. `--no-FLAG` turns it off, and `--help` lists the form that changes the default. */
export interface BooleanOption extends OptionNames {
  /** Takes no value. */
  readonly type: 'boolean';
  /** Default: false. */
  readonly default?: boolean;
}

/** The common part of options with a value. */
export interface ValueOption extends OptionNames {
  /** Takes a value, which `parse` reads. */
  readonly type: 'string';
  /** The value's name in `--help`: `N`, `DURATION`. */
  readonly placeholder: string;
  /** Used where neither the flag nor the environment gives a value; written as a user would, and parsed alike. */
  readonly default?: string;
  /** The value may hold a password: no message shows it. */
  readonly secret?: boolean;
}

/** An option with a value; of several, the last counts. */
export interface SingleOption extends ValueOption {
  /** At most one value. */
  readonly multiple?: false;
  /** Makes a value of what was typed. */
  readonly parse: ValueParser<unknown>;
}

/** An option that may be repeated: what `parse` makes of each is joined into one array. */
export interface MultipleOption extends ValueOption {
  /** Any number of values. */
  readonly multiple: true;
  /** Makes values of what was typed each time. */
  readonly parse: ValueParser<readonly unknown[]>;
}

/** The options of a program, by the name that its code knows them by. */
export type OptionTable = Readonly<Record<string, BooleanOption | SingleOption | MultipleOption>>;

/** The typed values of a table: an option with neither value nor default is undefined, a boolean never is. */
export type OptionValues<T extends OptionTable> = {
  readonly [K in keyof T]: T[K] extends { readonly parse: ValueParser<infer V> }
    ? T[K] extends { readonly default: string }
      ? V
      : V | undefined
    : boolean;
};

/** The other settings of {@link option} and {@link flag}. */
type Settings<T> = Omit<T, 'flag' | 'type' | 'placeholder' | 'parse'>;

/**
 * An option with a value.
 * @param form its long flag and what `--help` shows for the value: `queue NAME`
 */
export function option<T, const S extends Settings<SingleOption> | Settings<MultipleOption>>(
  form: `${string} ${string}`,
  parse: ValueParser<T>,
  settings: S,
) {
  const [name = '', placeholder = ''] = form.split(' ');
  return { ...settings, flag: name, type: 'string', placeholder, parse } as const;
}

/** An option that is on or off; `name` is its long flag. */
export function flag<const S extends Settings<BooleanOption>>(name: string, settings: S) {
  return { ...settings, flag: name, type: 'boolean' } as const;
}

/** A program as its user sees it. */
export interface Program<T extends OptionTable> {
  /** For `--version` and messages: `fib-client`. */
  readonly name: string;
  readonly version: string;
  /** How to call it: `node dist/client.js [options] [n …]`. */
  readonly usage: string;
  /** The program's purpose, in a sentence or two. */
  readonly summary: string;
  readonly options: T;
  /** Whether it takes arguments that are no options. Default: false, and one is an error. */
  readonly positionals?: boolean;
  /** The text after the options in `--help`, such as exit codes; printed as it is. */
  readonly epilogue?: string;
}

/** The command line or the environment is wrong. The message is one line, names the option, and says what is expected. */
export class UsageError extends Error {
  /** The exit code for it. */
  static readonly exitCode = 2;
  override readonly name = 'UsageError';
}
