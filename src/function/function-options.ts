import type { OptionTable } from '../cli/option.ts';
import { describe } from '../protocol/option-checks.ts';
import { describeThrown } from '../protocol/text.ts';

/**
 * Checks the form of a function's option table.
 * @param called says what a part of the function is called
 * @throws TypeError that names the option and what is wrong
 */
export function checkFunctionOptions(called: (part: string) => string, options: unknown): OptionTable {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`${called('options')}: expected a table of options, got ${typeof options}`);
  }
  for (const [key, option] of Object.entries(options)) {
    const { flag, short, env, type, help, placeholder, parse, ...rest } = Object(option) as Record<string, unknown>;
    const faults: readonly (readonly [boolean, string])[] = [
      [
        typeof flag === 'string' && /^(?!no-)[a-z][a-z0-9-]*$/.test(flag),
        "flag: expected small letters, as in 'max-size'",
      ],
      [short === undefined, 'short: the letters are for the worker itself'],
      [env === undefined || (typeof env === 'string' && /^\w+$/.test(env)), "env: expected a name such as 'MAX_SIZE'"],
      [type === 'string' || type === 'boolean', "type: expected 'string' or 'boolean'"],
      [typeof help === 'string', 'help: expected a phrase'],
      [type !== 'string' || typeof placeholder === 'string', "placeholder: expected what --help shows, such as 'N'"],
      [
        type !== 'string' || typeof parse === 'function',
        "parse: expected a function, such as text from 'fib-worker/function'",
      ],
      [
        rest.default === undefined || typeof rest.default === type,
        'default: expected what a user would type, or true for a boolean',
      ],
    ];
    const fault = faults.find(([right]) => !right);
    if (fault) throw new TypeError(`${called(`options.${key}`)}: ${fault[1]}`);
  }
  return options as OptionTable;
}

/**
 * The values of a table where neither flags nor variables say anything.
 * @param called says what a part of the function is called
 * @throws TypeError that names the option whose default is wrong, and shows it
 */
export function defaultOptionValues(
  options: OptionTable,
  called = (part: string) => part,
): Readonly<Record<string, unknown>> {
  const values = Object.entries(options).map(([key, option]) => {
    if (option.type === 'boolean') return [key, option.default ?? false];
    if (option.default === undefined) return [key, undefined];
    try {
      return [key, option.parse(option.default)];
    } catch (cause) {
      const wrong = `${called(`options.${key}`)}: default: ${describeThrown(cause)}, got ${describe(option.default)}`;
      throw new TypeError(wrong, { cause });
    }
  });
  return Object.freeze(Object.fromEntries(values));
}

/**
 * The worker's own options and after them those of its functions, whose values {@link functionOptionValues} finds.
 * @throws TypeError that names the first option of a function whose flag or variable is taken
 */
export function withFunctionOptions<T extends OptionTable>(
  own: T,
  functions: readonly { readonly name: string; readonly options: OptionTable }[],
): T {
  const flags = new Set(['help', 'version']);
  const variables = new Set<string>();
  for (const { flag, env } of Object.values(own)) {
    flags.add(flag);
    if (env) variables.add(env);
  }
  const all: Record<string, OptionTable[string]> = { ...own };
  for (const [index, { name, options }] of functions.entries()) {
    for (const [key, option] of Object.entries(options)) {
      const { flag, env } = option;
      const taken = flags.has(flag) ? `--${flag}` : env !== undefined && variables.has(env) ? env : undefined;
      if (taken) throw new TypeError(`the function '${name}', 'options.${key}': ${taken} is taken; choose another`);
      flags.add(flag);
      if (env) variables.add(env);
      all[prefixOf(index) + key] = option;
    }
  }
  return all as OptionTable as T;
}

/** The values of a function's options, by its own keys, out of the values of the whole table. */
export function functionOptionValues(
  values: Readonly<Record<string, unknown>>,
  index: number,
): Readonly<Record<string, unknown>> {
  const prefix = prefixOf(index);
  const own = Object.entries(values).filter(([key]) => key.startsWith(prefix));
  return Object.freeze(Object.fromEntries(own.map(([key, value]) => [key.slice(prefix.length), value])));
}

/** Before the keys of a function's options in the table of the whole worker, so that they are never one of its own. */
function prefixOf(index: number): string {
  return `function.${index}.`;
}
