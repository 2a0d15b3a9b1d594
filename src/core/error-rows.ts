import { AIError, type ErrorCode } from './errors.ts'
import { plainText } from './error-text.ts'
import type { Failure } from './failure.ts'

/** What a failure's text or status means. */
export interface Row {
  /** A finer word than the code, for `details.kind`. */
  readonly kind: string
  readonly code: ErrorCode
  /** How often a repeat makes sense: not at all, once, or as often as the caller allows. */
  readonly repeat: 'never' | 'once' | 'yes'
  /** What happened and what to do next; `{model}` and `{said}` are filled in. */
  readonly message: string
}

/** When a row fits: everything that it names must be so. */
export interface When {
  readonly status?: readonly number[]
  readonly text?: RegExp
  /** Whether the body was a JSON object. */
  readonly json?: boolean
}

/** What is known of a failure. */
export interface Told {
  readonly status: number | undefined
  readonly text: string
  readonly json: boolean
}

/** The first row that fits. */
export function findRow(rows: readonly (readonly [When, Row])[], told: Told): Row | undefined {
  return rows.find(([when]) => fits(when, told))?.[1]
}

function fits({ status, text, json }: When, told: Told): boolean {
  if (status !== undefined && !status.includes(told.status ?? 0)) return false
  if (json !== undefined && json !== told.json) return false
  return text === undefined || text.test(told.text)
}

/** Longest text of the server that is shown in a message, and that is kept in the details, in characters. */
const SAID_CHARS_MAX = 300
const KEPT_CHARS_MAX = 2_000

/** The error that a row makes of a failure; `details` are what was read of it beside its text. */
export function toAIError(
  row: Row,
  failure: Failure,
  told: Told & { readonly details: Readonly<Record<string, unknown>> },
): AIError {
  // Shown is what neither holds a secret nor repeats what was sent; the meaning was read from the whole.
  const safe = plainText(failure.show(told.text))
  const filled: Readonly<Record<string, string>> = {
    model: failure.model ?? 'the models',
    said: safe === '' ? `HTTP ${told.status ?? 200}` : safe.slice(0, SAID_CHARS_MAX),
  }
  return new AIError({
    code: row.code,
    message: row.message.replace(/\{(model|said)\}/g, (_, name: string) => filled[name] ?? ''),
    provider: failure.provider,
    model: failure.model,
    status: told.status,
    retryable: row.repeat !== 'never',
    retriesMax: row.repeat === 'once' ? 1 : undefined,
    retryAfterMs: failure.retryAfterMs,
    details: {
      kind: row.kind,
      said: safe.slice(0, KEPT_CHARS_MAX),
      path: failure.path,
      midStream: failure.status === undefined,
      ...told.details,
    },
  })
}

/** A row; the ones below are for its usual repeats and codes. */
export function row(kind: string, code: ErrorCode, repeat: Row['repeat'], message: string): Row {
  return { kind, code, repeat, message }
}

/** What the same call meets again. */
export function never(kind: string, code: ErrorCode, message: string): Row {
  return row(kind, code, 'never', message)
}

/** A request that must be changed. */
export function bad(kind: string, message: string): Row {
  return never(kind, 'request_invalid', message)
}

/** Something that a model wrote badly: once more may help. */
export function fault(kind: string, message: string): Row {
  return row(kind, 'response_invalid', 'once', message)
}

/** A server that cannot answer. */
export function unavailable(kind: string, repeat: Row['repeat'], message: string): Row {
  return row(kind, 'provider_unavailable', repeat, message)
}
