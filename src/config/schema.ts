import { z } from 'zod'
import { BUDGET_PERIODS, BUDGET_SCOPES } from '../core/budget.ts'
import type { Middleware } from '../core/call.ts'
import { AIError } from '../core/errors.ts'
import { REQUEST_BYTES_MAX, RETRIES_MAX, TIMEOUT_MS_MAX } from '../core/limits.ts'
import { nearest } from '../core/nearest.ts'
import { CONCURRENCY_MAX } from '../drivers/gate.ts'
import type { DriverFactory, MediaOptions, ProviderOptions, Timeouts } from '../drivers/rooms.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { ModelPrice } from '../pricing/price-list.ts'
import type { Runtime } from '../runtime.ts'
import type { Amount } from '../money/amount.ts'
import { BUILT_INS, type AIConfig, type BuiltIn } from './config.ts'

/** What the reference page says of a key; the descriptions below are its text. */
export interface KeyFacts {
  /** What it takes, for people. */
  readonly takes: string
  readonly description: string
}

const FACTS = z.registry<KeyFacts>()

/** An optional key with its line of the reference page. */
function key<Schema extends z.ZodType>(
  schema: Schema,
  takes: string,
  description: string,
): z.ZodOptional<Schema> {
  const optional = schema.optional()
  FACTS.add<z.ZodType>(optional, { takes, description })
  return optional
}

/** What the reference page says of a key of this schema. */
export function factsOf(schema: z.core.$ZodType): KeyFacts | undefined {
  return FACTS.get(schema)
}

/** A schema for every key of a type: the compiler holds them complete and of the right types. */
type Shape<T> = {
  readonly [Key in keyof T]-?: z.ZodOptional<z.ZodType<Exclude<T[Key], undefined>>>
}

/** What is deep inside of these may be undefined in a file (`apiKey: process.env.KEY`), unlike in the types. */
type Deep = 'providers' | 'prices' | 'budgets'

type ConfigShape = Shape<Omit<AIConfig, Deep>> & Readonly<Record<Deep, z.ZodOptional<z.ZodType>>>

const text = z.string().min(1)
const aFunction = (value: unknown): boolean => typeof value === 'function'
const anAmount = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && typeof (value as { picos?: unknown }).picos === 'bigint'
const anObject = (value: unknown): boolean => typeof value === 'object' && value !== null

const waitMs = (description: string): z.ZodOptional<z.ZodNumber> =>
  key(z.number().positive().max(TIMEOUT_MS_MAX), 'milliseconds', description)

/** How long a provider is waited for. */
export const deadlinesSchema: z.ZodObject<Shape<Timeouts>, z.core.$strict> = z.strictObject({
  connectMs: waitMs('Until the connection stands.'),
  firstByteMs: waitMs(
    'From then until the first byte of the answer. A local model that loads takes minutes.',
  ),
  idleMs: waitMs('Between two pieces of an answer.'),
  totalMs: waitMs('For one attempt as a whole.'),
  loadMs: waitMs(
    'From sending until the first byte while the server loads the model; `firstByteMs` does not count that time, ' +
      'where the server says what it loads (Ollama). Default: none.',
  ),
})

/** What may be fetched for a message. */
export const mediaSchema: z.ZodObject<Shape<MediaOptions>, z.core.$strict> = z.strictObject({
  fetchUrls: key(
    z.union([z.boolean(), z.array(z.string()).readonly()], { error: 'expected true, false or origins' }),
    '`true`, `false`, list of origins',
    'Fetches http and https addresses in messages that the provider does not read itself: from public hosts over https, ' +
      'or, for any provider, from these origins only, which may be of a private network. Default: `false`.',
  ),
  readFiles: key(z.boolean(), '`true`, `false`', 'Reads `file:` addresses in messages. Default: `false`.'),
  bytesMax: key(
    z.int().positive().max(REQUEST_BYTES_MAX),
    'bytes',
    'Largest picture, sound or file. Default: 20 MiB.',
  ),
})

const tokens = z.int().min(1)

const providerShape = {
  driver: key(text, 'name', "Which driver speaks to it. Default: the provider's name."),
  apiKey: key(text, 'text', 'Kept out of every message, log and inspection.'),
  baseUrl: key(text, 'address', "As the provider's own documentation writes it (Ollama: without `/api`)."),
  model: key(text, 'model id', 'The model of calls that name none.'),
  headers: key(z.record(z.string(), z.string()), 'texts by name', 'Sent with every request.'),
  local: key(
    z.union([z.literal('auto'), z.boolean()], { error: "expected 'auto', true or false" }),
    "`'auto'`, `true`, `false`",
    "`true`: its models run on your own machines and are free. `false`: never free. Default: `'auto'`.",
  ),
  timeouts: key(deadlinesSchema, 'object', 'How long to wait, for what.'),
  retries: key(
    z.int().min(0).max(RETRIES_MAX),
    `0 to ${RETRIES_MAX}`,
    'Attempts after the first, before anything of the answer has come. Default: 2.',
  ),
  maxConcurrency: key(
    z.int().min(1).max(CONCURRENCY_MAX),
    `1 to ${CONCURRENCY_MAX}`,
    'Calls at once; further ones wait for their turn. Default: no limit.',
  ),
  contextWindow: key(
    z.union([tokens, z.strictObject({ min: tokens.optional(), max: tokens.optional() })], {
      error: 'expected tokens, or { min, max }',
    }),
    'tokens, or `{ min, max }`',
    'What models are to take in, where that can be chosen (Ollama). Default: what the call needs, up to what the model ' +
      'was trained for.',
  ),
  media: key(mediaSchema, 'object', 'Pictures, sounds and files that are given by their address.'),
  prices: key(
    text,
    '`openai`, `xai`, `gemini`',
    "Whose published prices apply, where it is not asked at its vendor's own address. Default: nobody's elsewhere.",
  ),
  dialect: key(
    z.enum(['responses', 'chat']),
    '`responses`, `chat`',
    'Which of its APIs is spoken, where there are two (OpenAI): compatible servers mostly know `chat` only. Default: ' +
      '`responses`.',
  ),
  organization: key(text, 'text', 'Whose account it is, where a key has several (OpenAI).'),
  project: key(text, 'text', 'Which of its projects (OpenAI).'),
  fetch: key(
    z.custom<typeof fetch>(aFunction, 'expected a function'),
    'function',
    'In place of the own HTTP.',
  ),
}

/** One provider's configuration. */
export const providerSchema: z.ZodObject<Shape<ProviderOptions>, z.core.$strict> = z.strictObject(
  providerShape,
)

const providerEntry = z.union(
  [z.custom<DriverFactory>(aFunction, 'expected a driver'), providerSchema.optional()],
  { error: 'expected an object, or a driver such as ollama()' },
)

const decimal = (): z.ZodString => z.string({ error: 'expected a decimal number as a text, such as "0.15"' })

const tokenPrices = {
  input: decimal(),
  output: decimal(),
  cacheRead: decimal().optional(),
  cacheWrite: decimal().optional(),
  reasoning: decimal().optional(),
  inputAudio: decimal().optional(),
  cacheReadAudio: decimal().optional(),
  inputImage: decimal().optional(),
  cacheReadImage: decimal().optional(),
  inputVideo: decimal().optional(),
  outputAudio: decimal().optional(),
  outputImage: decimal().optional(),
} satisfies Readonly<Record<keyof ModelPrice['perMillionTokens'], z.ZodType>>

const priceSchema = z.strictObject({
  provider: text,
  model: text,
  perMillionTokens: z.strictObject(tokenPrices),
  longContext: z
    .array(z.strictObject({ above: tokens, perMillionTokens: z.strictObject(tokenPrices).partial() }))
    .readonly()
    .optional(),
  perThousandCalls: z.record(z.string(), decimal()).optional(),
  perRequest: decimal().optional(),
  serviceTiers: z.record(z.string(), z.string()).optional(),
  contextLength: tokens.optional(),
  maxOutputTokens: tokens.optional(),
  outputBound: z.enum(['capped', 'uncapped']).optional(),
} satisfies Readonly<Record<keyof ModelPrice, z.ZodType>>)

const money = z.union([z.custom<Amount>(anAmount), decimal()], {
  error: 'expected usd("5.00"), or dollars as a text such as "5.00"',
})

const budgetSchema = z.strictObject({
  scope: z.enum(BUDGET_SCOPES),
  id: text,
  period: z.enum(BUDGET_PERIODS),
  limit: z.union([z.null(), money], {
    error: 'expected dollars as a text such as "5.00", or null for no limit',
  }),
  timeZone: text.optional(),
  unpriced: z.enum(['deny', 'allow']).optional(),
  mode: z.enum(['enforce', 'observe']).optional(),
  thresholds: z.array(z.number()).readonly().optional(),
  onLimit: z
    .union([z.enum(['reject', 'fit']), z.strictObject({ fallback: text })], {
      error: "expected 'reject', 'fit' or { fallback: 'ollama/llama3.2' }",
    })
    .optional(),
})

const builtInSchema = z.strictObject({
  name: z.enum(BUILT_INS as readonly [BuiltIn['name'], ...BuiltIn['name'][]]),
  mode: z.enum(['enforce', 'observe']).optional(),
})

const configShape = {
  default: key(text, 'name', 'Provider of calls that name none. Default: the first of `providers`.'),
  providers: key(
    z.record(z.string(), providerEntry),
    'object by name',
    'Default: Ollama; OpenAI, xAI and Gemini are there by name as well, with their keys from the environment.',
  ),
  ledger: key(
    z.union([z.custom<Ledger>(anObject), text], { error: "expected 'memory:', 'sqlite:PATH' or a Ledger" }),
    "`'memory:'`, `'sqlite:PATH'`, `'postgres://…'`, a Ledger",
    'Where the books are. A relative path is relative to the configuration file.',
  ),
  durability: key(
    z.enum(['before', 'after']),
    "`'before'`, `'after'`",
    "Whether an answer waits until its ledger entry is on disk. Default: `'before'`.",
  ),
  prices: key(
    z.array(priceSchema).readonly(),
    'list',
    'Your own prices: `{ provider, model, perMillionTokens: { input, output } }`, numbers as texts.',
  ),
  pricesFile: key(
    text,
    'path',
    'Published prices, as `groat prices update` writes them. Relative to the configuration file. Default: those that come with groat.',
  ),
  budgets: key(
    z.array(budgetSchema).readonly(),
    'list',
    "Limits: `{ scope, id, period, limit }`, the limit in dollars as a text. `'*'` is each id. [More](budgets.md).",
  ),
  baseline: key(
    z.string().regex(/^[^/]+\/.+$/, 'expected a provider and a model, such as "openai/gpt-6-luna"'),
    '`provider/model`',
    'The paid model that free answers are compared with: `answer.savings`.',
  ),
  middleware: key(
    z
      .array(
        z.union([z.custom<Middleware>(aFunction), builtInSchema], {
          error: 'expected a function (call, next) => response, or { name, mode } of what is built in',
        }) as z.ZodType<Middleware | BuiltIn>,
      )
      .readonly(),
    'list of functions',
    'Wraps every call, outermost first; `{ name, mode }` sets up `budget-enforcement` and `cost-tracking`.',
  ),
  runtime: key(
    z.custom<Partial<Runtime>>(anObject, 'expected an object'),
    'object',
    'For tests: replaces clock, randomness or environment.',
  ),
}

/** What a configuration file holds; functions and objects of classes only where it is JavaScript or TypeScript. */
export const configSchema: z.ZodObject<ConfigShape, z.core.$strict> = z.strictObject(configShape)

/** What is wrong with one key. Never carries a value: it may be a secret. */
interface Problem {
  readonly path: string
  readonly says: string
  /** Whether the key itself does not exist. */
  readonly unknown: boolean
}

/**
 * Checks what a configuration file holds and leaves it as it is.
 *
 * @throws AIError `config_invalid` with the file, the first key at fault and what to write there; all of them are in
 * `details.problems`
 */
export function checkConfig(value: unknown, file: string): AIConfig {
  const parsed = configSchema.safeParse(value)
  // What was given, and not the parsed copy: objects of classes must stay what they are.
  if (parsed.success) return value as AIConfig
  const problems = parsed.error.issues
    .flatMap((issue) => problemsOf(issue, configSchema, []))
    // A mistyped key is the cause of the key that is missing.
    .toSorted((a, b) => Number(b.unknown) - Number(a.unknown))
  const [first, ...rest] = problems
  const more =
    rest.length === 0 ? '' : ` (and ${rest.length} more: ${rest.map(({ path }) => path).join(', ')})`
  throw new AIError({
    code: 'config_invalid',
    message: `Wrong configuration in ${file}: ${first?.says ?? 'expected an object'}${more}`,
    details: { file, key: first?.path, problems },
  })
}

function problemsOf(issue: z.core.$ZodIssue, schema: z.core.$ZodType, above: readonly string[]): Problem[] {
  const path = [...above, ...issue.path.map(String)]
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, path)
    return issue.keys.map((key) => unknownKey([...path, key].join('.'), key, known))
  }
  if (issue.code === 'invalid_union') {
    // The object is the last branch of a union: what is wrong inside of it says more than that no branch fits.
    const inside = issue.errors
      .at(-1)
      ?.filter((one) => one.path.length > 0 || one.code === 'unrecognized_keys')
    if (inside && inside.length > 0) return inside.flatMap((one) => problemsOf(one, schema, path))
  }
  const expected = issue.message.replace(/^(Invalid (input|option)|Too (big|small)): /, '')
  const name = path.join('.')
  return [{ path: name, says: name === '' ? expected : `${name}: ${expected}`, unknown: false }]
}

function unknownKey(path: string, key: string, known: readonly string[]): Problem {
  const near = nearest(key, known)
  const advice = near === undefined ? `; known are ${known.join(', ')}` : `; did you mean ${near}?`
  return { path, says: `there is no key ${path}${advice}`, unknown: true }
}

/** The keys that an object at a path may have. */
function keysAt(schema: z.core.$ZodType, path: readonly string[]): string[] {
  let at: z.core.$ZodType | undefined = schema
  for (const step of path) {
    at = objectIn(at)
    if (at instanceof z.ZodRecord) at = at.valueType
    else if (at instanceof z.ZodArray) at = at.element
    else if (at instanceof z.ZodObject) at = (at.shape as Readonly<Record<string, z.core.$ZodType>>)[step]
    else return []
  }
  at = objectIn(at)
  return at instanceof z.ZodObject ? Object.keys(at.shape) : []
}

/** What is inside of optional, read-only and union wrappings. */
function objectIn(schema: z.core.$ZodType | undefined): z.core.$ZodType | undefined {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodReadonly) return objectIn(schema.unwrap())
  if (schema instanceof z.ZodUnion) return objectIn(schema.options.at(-1))
  return schema
}
