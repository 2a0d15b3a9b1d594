import type { BudgetRefusal } from './budget.ts'
import type { Part } from './message.ts'
import type { Usage } from './usage.ts'

/** Every way in which a call can fail: a closed list. */
export type ErrorCode =
  // ours
  | 'config_invalid'
  | 'request_invalid'
  | 'capability_unsupported'
  | 'limit_exceeded'
  | 'budget_exceeded'
  | 'price_unknown'
  | 'aborted'
  | 'tool_failed'
  | 'schema_mismatch'
  | 'store_failed'
  // theirs
  | 'authentication_failed'
  | 'permission_denied'
  | 'model_not_found'
  | 'context_too_long'
  | 'content_filtered'
  | 'rate_limited'
  | 'quota_exhausted'
  | 'provider_unavailable'
  | 'response_invalid'
  // between
  | 'network_failed'
  | 'timed_out'
  | 'stream_interrupted'

/** For each code, whether repeating the same call can help by default. */
export const ERROR_CODES: Readonly<Record<ErrorCode, { readonly retryable: boolean }>> = {
  // ours
  config_invalid: { retryable: false },
  request_invalid: { retryable: false },
  capability_unsupported: { retryable: false },
  limit_exceeded: { retryable: false },
  budget_exceeded: { retryable: false },
  price_unknown: { retryable: false },
  aborted: { retryable: false },
  tool_failed: { retryable: false },
  schema_mismatch: { retryable: false },
  store_failed: { retryable: true },
  // theirs
  authentication_failed: { retryable: false },
  permission_denied: { retryable: false },
  model_not_found: { retryable: false },
  context_too_long: { retryable: false },
  content_filtered: { retryable: false },
  rate_limited: { retryable: true },
  quota_exhausted: { retryable: false },
  provider_unavailable: { retryable: true },
  response_invalid: { retryable: false },
  // between
  network_failed: { retryable: true },
  timed_out: { retryable: true },
  stream_interrupted: { retryable: true },
}

/** The facts in `details`, for the codes that always carry the same ones. */
export interface ErrorDetails {
  budget_exceeded: BudgetRefusal
  price_unknown: {
    /** What is not known. */
    readonly reason: string
    /** Ids of the budgets that refuse such calls; none where the call's own does. */
    readonly budgets: readonly string[]
  }
}

/** What had arrived when a call failed in the middle of an answer. */
export interface PartialAnswer {
  readonly text: string
  readonly parts: readonly Part[]
  readonly usage?: Usage
}

export interface AIErrorOptions {
  readonly code: ErrorCode
  /** What happened and what to do next; never a key, a header or a prompt. */
  readonly message: string
  readonly provider?: string | undefined
  readonly model?: string | undefined
  /** HTTP status, where there was one. */
  readonly status?: number | undefined
  /** Whether repeating the call can help. @default by code */
  readonly retryable?: boolean | undefined
  /** How often at most a repeat makes sense, where that is less than the call's own limit. */
  readonly retriesMax?: number | undefined
  /** How long the provider asked to wait. */
  readonly retryAfterMs?: number | undefined
  readonly requestId?: string | undefined
  /** Facts for a program, by code: see the errors page of the docs. */
  readonly details?: Readonly<Record<string, unknown>> | undefined
  readonly partial?: PartialAnswer | undefined
  readonly cause?: unknown
}

/** The one error class of groat. `code` says which of the closed list it is, `message` what to do next. */
export class AIError extends Error {
  override readonly name = 'AIError'
  readonly code: ErrorCode
  readonly provider: string | undefined
  readonly model: string | undefined
  readonly status: number | undefined
  readonly retryable: boolean
  readonly retriesMax: number | undefined
  readonly retryAfterMs: number | undefined
  readonly requestId: string | undefined
  readonly details: Readonly<Record<string, unknown>>
  readonly partial: PartialAnswer | undefined
  /** Marks errors of every copy of groat in a process: `instanceof` knows only one. */
  readonly isAIError = true as const

  constructor(options: AIErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = options.code
    this.provider = options.provider
    this.model = options.model
    this.status = options.status
    this.retryable = options.retryable ?? ERROR_CODES[options.code].retryable
    this.retriesMax = options.retriesMax
    this.retryAfterMs = options.retryAfterMs
    this.requestId = options.requestId
    this.details = options.details ?? {}
    this.partial = options.partial
  }

  /** The same error with more facts: used on the way up, where more is known than where it was made. */
  with(more: Partial<AIErrorOptions>): AIError {
    const { code, message, provider, model, status, retryable, retriesMax } = this
    const { retryAfterMs, requestId, details, partial, cause } = this
    const own = { code, message, provider, model, status, retryable, retriesMax, retryAfterMs, requestId }
    const error = new AIError({ ...own, details, partial, cause, ...more })
    if (this.stack !== undefined) error.stack = this.stack
    return error
  }

  toJSON(): Record<string, unknown> {
    const { code, message, provider, model, status, retryable, retryAfterMs, requestId, details, partial } =
      this
    return { code, message, provider, model, status, retryable, retryAfterMs, requestId, details, partial }
  }
}

/**
 * Whether a value is an AIError, also one of another copy of groat in the same process, and of the given code: then
 * `details` has the type of that code.
 */
export function isAIError<Code extends keyof ErrorDetails>(
  value: unknown,
  code: Code,
): value is AIError & { readonly code: Code; readonly details: ErrorDetails[Code] }
export function isAIError(value: unknown, code?: ErrorCode): value is AIError
export function isAIError(value: unknown, code?: ErrorCode): boolean {
  if (typeof value !== 'object' || value === null) return false
  const error = value as Partial<AIError>
  // Not every `code` is one: as a callback of `filter`, it is the index.
  return error.isAIError === true && (typeof code !== 'string' || error.code === code)
}
