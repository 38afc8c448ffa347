/**
 * The form of a JSON document, said once: {@link Infer} makes the type of it, `check` reads a document that a stranger
 * may have changed, and `schema` is what other programs are told.
 */
export interface Shape<T> {
  /** Throws {@link Unexpected} unless the value is right. `at` says where it stands: `samples[2].level`. */
  check(value: unknown, at: string): void;
  /** JSON Schema, draft 2020-12. */
  readonly schema: Readonly<Record<string, unknown>>;
  readonly optional?: true;
  /** For the type alone: never there. */
  readonly type?: T;
}

/** The type of a document of this shape. */
export type Infer<S> = S extends Shape<infer T> ? T : never;

/** Something in a document is not what it should be. */
export class Unexpected extends Error {
  constructor(at: string, expected: string, found: unknown) {
    const shown = found === undefined ? 'nothing' : (JSON.stringify(found)?.slice(0, 40) ?? typeof found);
    super(`${at || 'the document'}: expected ${expected}, found ${shown}`);
  }
}

function simple<T>(expected: string, schema: Record<string, unknown>, is: (value: unknown) => boolean): Shape<T> {
  return {
    schema,
    check(value, at) {
      if (!is(value)) throw new Unexpected(at, expected, value);
    },
  };
}

/** The same, with what it means, for readers of the schema. */
export function described<S extends Shape<unknown>>(description: string, shape: S): S {
  return { ...shape, schema: { description, ...shape.schema } };
}

export const text: Shape<string> = simple('a string', { type: 'string' }, (value) => typeof value === 'string');

export const number: Shape<number> = simple('a number', { type: 'number' }, Number.isFinite);

export const date: Shape<string> = simple(
  'a date',
  { type: 'string', format: 'date-time' },
  (value) => typeof value === 'string' && !Number.isNaN(Date.parse(value)),
);

/** Exactly this. */
export function exactly<const T extends string | number>(constant: T): Shape<T> {
  return simple(JSON.stringify(constant), { const: constant }, (value) => value === constant);
}

/** One of these names. */
export function oneOf<const T extends string>(names: readonly T[]): Shape<T> {
  return simple(names.join(' or '), { enum: names }, (value) => names.some((name) => name === value));
}

/** A list of so-shaped items. */
export function list<T>(item: Shape<T>): Shape<readonly T[]> {
  return {
    schema: { type: 'array', items: item.schema },
    check(value, at) {
      if (!Array.isArray(value)) throw new Unexpected(at, 'a list', value);
      for (const [index, one] of value.entries()) item.check(one, `${at}[${index}]`);
    },
  };
}

/** A list of two. */
export function pair<A, B>(first: Shape<A>, second: Shape<B>): Shape<readonly [A, B]> {
  return {
    schema: { type: 'array', prefixItems: [first.schema, second.schema], items: false, minItems: 2 },
    check(value, at) {
      if (!Array.isArray(value) || value.length !== 2) throw new Unexpected(at, 'a list of two', value);
      first.check(value[0], `${at}[0]`);
      second.check(value[1], `${at}[1]`);
    },
  };
}

/** A field that may be absent. */
export function optional<T>(shape: Shape<T>): Shape<T> & { readonly optional: true } {
  return { ...shape, optional: true };
}

/** An object whose fields, of these names, are all of one shape and may all be absent. */
export function some<const K extends string, T>(
  names: readonly K[],
  shape: Shape<T>,
): Shape<Readonly<Partial<Record<K, T>>>> {
  return object(Object.fromEntries(names.map((name) => [name, optional(shape)]))) as never;
}

type Fields = Readonly<Record<string, Shape<unknown>>>;
type OptionalKeys<F extends Fields> = { [K in keyof F]: F[K] extends { optional: true } ? K : never }[keyof F];
type Fielded<F extends Fields> = { readonly [K in Exclude<keyof F, OptionalKeys<F>>]: Infer<F[K]> } & {
  readonly [K in OptionalKeys<F>]?: Infer<F[K]>;
};

/** An object with these fields. What a later program added is left alone when it is read. */
export function object<const F extends Fields>(fields: F): Shape<Fielded<F>> {
  const entries = Object.entries(fields);
  return {
    schema: {
      type: 'object',
      properties: Object.fromEntries(entries.map(([name, { schema }]) => [name, schema])),
      required: entries.filter(([, shape]) => !shape.optional).map(([name]) => name),
      additionalProperties: false,
    },
    check(value, at) {
      if (typeof value !== 'object' || value === null || Array.isArray(value))
        throw new Unexpected(at, 'an object', value);
      const found = value as Record<string, unknown>;
      for (const [name, shape] of entries) {
        const field = Object.hasOwn(found, name) ? found[name] : undefined;
        if (field === undefined && shape.optional) continue;
        shape.check(field, at === '' ? name : `${at}.${name}`);
      }
    },
  };
}
