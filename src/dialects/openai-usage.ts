import { isObject } from '../core/error-text.ts'
import { toUsage, type Usage } from '../core/usage.ts'

type Counts = Readonly<Record<string, unknown>>

/**
 * The usage of an answer, in the names of Responses or of Chat Completions: a stored answer that is fetched again has
 * those of the other one at some providers. Cached and audio tokens, and those written to the cache, are inside the
 * input, reasoning inside the output, so that nothing is added; but for servers that count reasoning, or what was
 * cached, beside it (xAI), which their total or the counts themselves show.
 */
export function toOpenAIUsage(told: unknown): Usage {
  if (!isObject(told)) return toUsage({})
  const input = told['input_tokens'] ?? told['prompt_tokens']
  const output = told['output_tokens'] ?? told['completion_tokens']
  const inside = objectOf(told['input_tokens_details'] ?? told['prompt_tokens_details'])
  const written = objectOf(told['output_tokens_details'] ?? told['completion_tokens_details'])
  // DeepSeek and Moonshot have no details.
  const cached = inside['cached_tokens'] ?? told['prompt_cache_hit_tokens'] ?? told['cached_tokens']
  const reasoning = written['reasoning_tokens']
  return toUsage({
    inputTokens: isCount(cached) && isCount(input) && cached > input ? input + cached : input,
    cacheReadTokens: cached,
    cacheWriteTokens: inside['cache_write_tokens'],
    inputAudioTokens: inside['audio_tokens'],
    inputImageTokens: inside['image_tokens'],
    outputTokens: outputOf({ input, output, reasoning, total: told['total_tokens'] }),
    reasoningTokens: reasoning,
    outputAudioTokens: written['audio_tokens'],
    outputImageTokens: written['image_tokens'],
    raw: told,
  })
}

/** What was written, reasoning included. */
function outputOf({ input, output, reasoning, total }: Counts): unknown {
  if (!isCount(input) || !isCount(output) || !isCount(reasoning) || !isCount(total)) return output
  return reasoning > 0 && total === input + output + reasoning ? output + reasoning : output
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

/** A part of an answer that may be left out. */
export function objectOf(value: unknown): Counts {
  return isObject(value) ? value : {}
}
