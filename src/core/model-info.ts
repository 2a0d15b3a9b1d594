import type { Capability } from './capability.ts'

/** A model as its provider describes it; what was not told is absent. */
export interface ModelInfo {
  readonly id: string
  readonly provider: string
  /** Tokens that the model was trained to take in. */
  readonly contextLength?: number
  /** Tokens that it takes in as it runs now, where calls before have shown it. */
  readonly contextWindow?: number
  readonly maxOutputTokens?: number
  readonly capabilities: readonly Capability[]
  /** True or false where it is proven that the model runs on the user's own server, or that it does not. */
  readonly local?: boolean
  /** Bytes on disk. */
  readonly size?: number
  readonly digest?: string
  readonly family?: string
  /** As the provider writes it, for example `3.2B`. */
  readonly parameters?: string
  readonly quantization?: string
  /** ISO 8601. */
  readonly modifiedAt?: string
  /** The provider's own record. */
  readonly raw: unknown
}
