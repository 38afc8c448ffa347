import { parseArgs } from 'node:util';

/** A flag as parseArgs needs to know it. */
export interface FlagForm {
  readonly type: 'boolean' | 'string';
  readonly short?: string;
}

/** A piece of a command line. */
export type Token =
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
 * Splits a command line. Unknown flags are tokens too: the caller judges. Whatever begins like a negative number (`-1`)
 * is a value or a positional, never a flag.
 */
export function tokenize(argv: readonly string[], forms: Readonly<Record<string, FlagForm>>): readonly Token[] {
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
