import { boundedIssues, MAX_ISSUES, type RpcIssue } from './errors.ts';
import { describe } from './option-checks.ts';
import type { SchemaOutput, StandardSchemaIssue, StandardSchemaV1 } from './standard-schema.ts';
import { isThenable } from './waiting.ts';

/** How many issues a message names. */
const NAMED = 3;

/**
 * Checks that something is a schema.
 * @throws TypeError that names it and shows the value
 */
export function checkSchema<T extends StandardSchemaV1>(name: string, schema: T): T {
  // arktype's are functions
  const standard: unknown = Object(schema)['~standard'];
  if (typeof Object(standard).validate !== 'function' || Object(standard).version !== 1)
    throw new TypeError(`${name}: expected a schema, as zod, valibot or arktype make it, got ${describe(schema)}`);
  return schema;
}

/**
 * The output that a schema makes of a value; a promise only where the schema gives one.
 * @param misfit makes the error to throw of what is wrong, in words, and of the issues
 */
export function fit<Schema extends StandardSchemaV1>(
  schema: Schema,
  value: unknown,
  misfit: (why: string, issues: readonly RpcIssue[]) => Error,
): SchemaOutput<Schema> | Promise<SchemaOutput<Schema>> {
  return andThen(schema['~standard'].validate(value), (result) => {
    if (!result.issues) return result.value;
    const issues = firstIssues(result.issues);
    throw misfit(inWords(issues, result.issues.length), issues);
  });
}

/** What `next` makes of a value, at once, or when that is promised. */
export function andThen<T, R>(value: T | PromiseLike<T>, next: (value: T) => R): R | Promise<Awaited<R>> {
  return isThenable(value) ? (Promise.resolve(value).then(next) as Promise<Awaited<R>>) : next(value);
}

/** The issues that cross the wire. Arktype's lists are arrays of its own, whose `map` and `slice` give no plain ones. */
function firstIssues(list: readonly StandardSchemaIssue[]): readonly RpcIssue[] {
  const first: RpcIssue[] = [];
  for (const issue of list) {
    if (first.length === MAX_ISSUES) break;
    const { message, path } = issue;
    first.push({ message, path: pointer(path) });
  }
  return boundedIssues(first) ?? [];
}

/** A JSON pointer, RFC 6901: `/items/0/sku`, and nothing for the whole value. */
function pointer(path: StandardSchemaIssue['path'] = []): string {
  const keys = Array.from(path, (part) => String(isKeyHolder(part) ? part.key : part));
  return keys.map((key) => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

function isKeyHolder(part: unknown): part is { readonly key: PropertyKey } {
  return Object(part) === part;
}

function inWords(issues: readonly RpcIssue[], count: number): string {
  const named = issues.slice(0, NAMED).map(({ path, message }) => (path ? `${path}: ${message}` : message));
  return named.join('; ') + (count > NAMED ? `; and ${count - NAMED} more` : '');
}
