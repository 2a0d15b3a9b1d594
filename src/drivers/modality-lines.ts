import type { LineKind, UsageLine } from '../core/cost.ts'
import type { Usage } from '../core/usage.ts'

/** Tokens that were not text, by what they were. */
export interface Modalities {
  readonly audio?: number
  readonly image?: number
  readonly video?: number
}

/** How the counts of a usage divide; what is not said to be something else is text. */
export interface ModalitySplit {
  readonly input: Modalities
  /** Of the input, what came from the cache. */
  readonly cacheRead: Modalities
  readonly output: Modalities
}

const MODALITIES = ['audio', 'image', 'video'] as const

/** As what tokens of each kind are billed; a video from the cache and one in an answer have no kind of their own. */
const KINDS: Readonly<Record<keyof Modalities, { input: LineKind; cacheRead: LineKind; output: LineKind }>> =
  {
    audio: { input: 'input-audio', cacheRead: 'cache-read-audio', output: 'output-audio' },
    image: { input: 'input-image', cacheRead: 'cache-read-image', output: 'output-image' },
    video: { input: 'input-video', cacheRead: 'cache-read', output: 'output' },
  }

/**
 * The token counts of a usage as lines that do not overlap, sounds and pictures apart. Parts that add up to more than
 * their whole are cut to it, the dearest last.
 */
export function modalityLines(usage: Usage, split: ModalitySplit): UsageLine[] {
  const { inputTokens, outputTokens } = usage
  const cached = usage.cacheReadTokens ?? 0
  const fresh: { -readonly [K in keyof Modalities]: number } = {}
  for (const modality of MODALITIES) {
    const { [modality]: all = 0 } = split.input
    const { [modality]: fromCache = 0 } = split.cacheRead
    fresh[modality] = Math.max(0, all - fromCache)
  }
  const lines: UsageLine[] = []
  if (inputTokens !== undefined) {
    lines.push(...parted('input', Math.max(0, inputTokens - cached), fresh))
    if (cached > 0) lines.push(...parted('cacheRead', cached, split.cacheRead))
  }
  if (outputTokens !== undefined) lines.push(...parted('output', outputTokens, split.output))
  return lines
}

const PLAIN = { input: 'input', cacheRead: 'cache-read', output: 'output' } as const

function parted(what: 'input' | 'cacheRead' | 'output', whole: number, parts: Modalities): UsageLine[] {
  const lines: UsageLine[] = []
  let rest = whole
  for (const modality of MODALITIES) {
    const kind = KINDS[modality][what]
    const quantity = Math.min(parts[modality] ?? 0, rest)
    if (kind === PLAIN[what] || quantity === 0) continue
    lines.push({ kind, quantity, unit: 'token' })
    rest -= quantity
  }
  // Where all of it was something else, a line of no tokens says nothing.
  return lines.length > 0 && rest === 0
    ? lines
    : [{ kind: PLAIN[what], quantity: rest, unit: 'token' }, ...lines]
}
