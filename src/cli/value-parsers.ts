import { MAX_DELAY } from '../protocol/option-checks.ts';

/**
 * Makes a value of what was typed. On a wrong value it throws an Error whose message says what is expected, as in
 * "expected …", and does not repeat the value.
 */
export type ValueParser<T> = (text: string) => T;

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Any text but the empty one. */
export const text: ValueParser<string> = (value) => {
  if (value === '') throw new Error('some text');
  return value;
};

/** A whole number in decimal digits. Without limits: every number that is exact in JavaScript. */
export function integer(limits: { readonly min?: number; readonly max?: number } = {}): ValueParser<number> {
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = limits;
  const range = (limits.min === undefined ? '' : ` from ${min}`) + (limits.max === undefined ? '' : ` up to ${max}`);
  return (value) => {
    const number = Number(value);
    if (!/^-?[0-9]+$/.test(value) || number < min || number > max) throw new Error(`a whole number${range}`);
    return number;
  };
}

/** A length of time with its unit (`500ms`, `10s`, `1.5m`, `1h`), zero included; in milliseconds. */
export const duration: ValueParser<number> = (value) => {
  const [, amount = '', unit] = /^([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)?$/.exec(value) ?? [];
  const expected = 'a time such as 500ms, 10s or 2m';
  // Nobody can tell whether 30 means seconds or milliseconds, so it is not guessed.
  if (amount && !unit) throw new Error(`${expected}: is it ${amount}s or ${amount}ms?`);
  const milliseconds = Math.round(Number(amount) * UNITS[unit as keyof typeof UNITS]);
  if (!amount) throw new Error(expected);
  if (milliseconds > MAX_DELAY) throw new Error(`${expected}, at most 24 days (${24 * 24}h)`);
  return milliseconds;
};

/** Parses a {@link duration} of at least one millisecond. */
export const positiveDuration: ValueParser<number> = (value) => {
  const milliseconds = duration(value);
  if (milliseconds < 1) throw new Error('a time of at least 1ms');
  return milliseconds;
};

/** One of the given words. */
export function oneOf<const T extends string>(words: readonly T[]): ValueParser<T> {
  return (value) => {
    const word = words.find((candidate) => candidate === value);
    if (word === undefined) throw new Error(`one of ${words.join(', ')}`);
    return word;
  };
}

/** Several values separated by commas; spaces around them don't count. A comma in a URL's password must be `%2C`. */
export function list<T>(item: ValueParser<T>): ValueParser<T[]> {
  return (value) => value.split(',').map((part) => item(part.trim()));
}

/** The words for yes and no in an environment variable. */
export const yesOrNo: ValueParser<boolean> = (value) => {
  if (/^(1|true|yes|on)$/i.test(value)) return true;
  if (/^(0|false|no|off)$/i.test(value)) return false;
  throw new Error('true or false');
};
