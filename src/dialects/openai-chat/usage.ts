import { isObject } from '../../core/error-text.ts'
import { toUsage, type Usage } from '../../core/usage.ts'

/** Counts as Chat Completions names them, and as servers that are compatible with it do. */
interface WireUsage {
  readonly prompt_tokens?: unknown
  readonly completion_tokens?: unknown
  readonly total_tokens?: unknown
  readonly prompt_tokens_details?: unknown
  readonly completion_tokens_details?: unknown
  /** DeepSeek. */
  readonly prompt_cache_hit_tokens?: unknown
  /** Moonshot. */
  readonly cached_tokens?: unknown
}

type Counts = Readonly<Record<string, unknown>>

/**
 * The usage of an answer. Cached and audio tokens are inside the prompt, reasoning inside the completion, so that
 * nothing is added; but for servers that count reasoning beside it (xAI), which their total shows.
 */
export function toChatUsage(told: unknown): Usage {
  const wire = objectOf(told) as WireUsage
  const prompt = objectOf(wire.prompt_tokens_details)
  const completion = objectOf(wire.completion_tokens_details)
  const reasoningTokens = completion['reasoning_tokens']
  const cached = prompt['cached_tokens'] ?? wire.prompt_cache_hit_tokens ?? wire.cached_tokens
  return toUsage({
    inputTokens: inputOf(wire.prompt_tokens, cached),
    cacheReadTokens: cached,
    cacheWriteTokens: prompt['cache_write_tokens'],
    inputAudioTokens: prompt['audio_tokens'],
    inputImageTokens: prompt['image_tokens'],
    outputTokens: outputOf(wire, reasoningTokens),
    reasoningTokens,
    outputAudioTokens: completion['audio_tokens'],
    raw: told,
  })
}

/** What was read: where more was cached than that, the cached is beside it (xAI). */
function inputOf(input: unknown, cached: unknown): unknown {
  return isCount(input) && isCount(cached) && cached > input ? input + cached : input
}

/** What was written, reasoning included. */
function outputOf(
  { prompt_tokens: input, completion_tokens: output, total_tokens: total }: WireUsage,
  reasoning: unknown,
): unknown {
  if (!isCount(input) || !isCount(output) || !isCount(total) || !isCount(reasoning)) return output
  const isBeside = reasoning > 0 && total === input + output + reasoning
  return isBeside ? output + reasoning : output
}

/** Whether a chunk tells counts: most servers say `null` on all but the last, some say nothing. */
export function tellsUsage(told: unknown): boolean {
  return isObject(told)
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function objectOf(value: unknown): Counts {
  return isObject(value) ? value : {}
}
