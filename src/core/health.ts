/** What a provider's health probe found; a server that is down is a value, never a throw. */
export interface Health {
  readonly provider: string
  readonly status: 'ready' | 'degraded' | 'down'
  readonly latencyMs: number
  /** What is wrong, one sentence each, with what to do about it. */
  readonly issues: readonly string[]
  readonly details: Readonly<Record<string, unknown>>
}
