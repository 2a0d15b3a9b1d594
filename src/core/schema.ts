/** JSON Schema, draft 2020-12. */
export type JsonSchema = Readonly<Record<string, unknown>>

/** What zod, valibot, arktype and others have in common (standardschema.dev, version 1). */
export interface StandardSchema<Output = unknown> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined
    /** How a library tells the JSON Schema of what it validates. */
    readonly jsonSchema?: {
      readonly input: (options: { readonly target: string }) => Record<string, unknown>
    }
  }
}

export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] }

export interface StandardIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** A schema of a library that follows Standard Schema, or plain JSON Schema. */
export type Schema<Output = unknown> = StandardSchema<Output> | JsonSchema

/** The type of what a schema lets through; `unknown` for plain JSON Schema. */
export type OutputOf<S> = S extends StandardSchema<infer Output> ? Output : unknown

/** A schema that is ready to use: told to providers as JSON Schema, checked by its own library. */
export interface PreparedSchema {
  readonly jsonSchema: JsonSchema
  /** The value as the schema gives it back, or what is wrong with it. */
  validate(value: unknown): Promise<{ readonly value: unknown } | { readonly issues: readonly string[] }>
}
