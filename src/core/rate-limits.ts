/** What is left of one kind of limit. */
export interface RateLimit {
  readonly limit?: number
  readonly remaining?: number
  /** Milliseconds from the answer until the limit is whole again. */
  readonly resetMs?: number
}

/** What a provider said of its limits with an answer; what it did not say is absent. */
export interface RateLimits {
  readonly requests?: RateLimit
  readonly tokens?: RateLimit
}
