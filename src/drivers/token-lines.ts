import type { UsageLine } from '../core/cost.ts'
import type { Usage } from '../core/usage.ts'

/** The token counts of a usage as lines that do not overlap: cached tokens are taken out of the input. */
export function tokenLines(usage: Usage): UsageLine[] {
  const { inputTokens, cacheReadTokens = 0, cacheWriteTokens = 0, outputTokens } = usage
  const lines: UsageLine[] = []
  if (inputTokens !== undefined) {
    lines.push({ kind: 'input', quantity: inputTokens - cacheReadTokens - cacheWriteTokens, unit: 'token' })
    if (cacheReadTokens > 0) lines.push({ kind: 'cache-read', quantity: cacheReadTokens, unit: 'token' })
    if (cacheWriteTokens > 0) lines.push({ kind: 'cache-write', quantity: cacheWriteTokens, unit: 'token' })
  }
  if (outputTokens !== undefined) lines.push({ kind: 'output', quantity: outputTokens, unit: 'token' })
  return lines
}
