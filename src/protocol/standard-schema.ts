// The interface of Standard Schema 1.0, which zod, valibot, arktype and others implement: copied, as its specification asks
// (https://standardschema.dev), so that nobody needs a package for it.

/** A schema of any library that speaks Standard Schema: it makes an `Output` of an `Input`, or says what is wrong. */
export interface StandardSchemaV1<Input = unknown, Output = Input> {
  /** The properties of the standard. */
  readonly '~standard': StandardSchemaProps<Input, Output>;
}

/** The properties of a {@link StandardSchemaV1}. */
export interface StandardSchemaProps<Input = unknown, Output = Input> {
  /** The version of the standard. */
  readonly version: 1;
  /** The library. */
  readonly vendor: string;
  /** Makes an output of a value of which nothing is known. */
  readonly validate: (value: unknown) => StandardSchemaResult<Output> | Promise<StandardSchemaResult<Output>>;
  /** Types alone: there is no such value. */
  readonly types?: { readonly input: Input; readonly output: Output } | undefined;
}

/** The outcome of a validation: the output, or the issues. */
export type StandardSchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardSchemaIssue[] };

/** One thing that is wrong with a value, and where. */
export interface StandardSchemaIssue {
  /** What is wrong. */
  readonly message: string;
  /** The keys that lead to it, or objects that hold them. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** The type that a schema takes. */
export type SchemaInput<Schema extends StandardSchemaV1> = NonNullable<Schema['~standard']['types']>['input'];

/** The type that a schema makes. */
export type SchemaOutput<Schema extends StandardSchemaV1> = NonNullable<Schema['~standard']['types']>['output'];
