import { AIError } from '../core/errors.ts'
import type { Warning } from '../core/warning.ts'
import type { LoadProfile, ModelMemory } from './model-memory.ts'

/** How large a prompt is, before it is tokens. */
export interface PromptSize {
  /** UTF-16 units: never more than bytes. */
  readonly chars: number
  /** UTF-8 bytes; counted for short texts, estimated from samples for long ones. */
  readonly bytes: number
  readonly messages: number
  /** Pictures and sounds. */
  readonly media: number
}

/** How many tokens a prompt may have. */
export interface TokenEstimate {
  /** It has at least these. */
  readonly low: number
  readonly expected: number
  /** It hardly has more. */
  readonly high: number
}

/** How large a window may be asked for, in tokens; a number is both. */
export type ContextWindow = number | { readonly min?: number | undefined; readonly max?: number | undefined }

/** Bytes of text for one token where nothing was learned: English prose has four to five. */
const BYTES_PER_TOKEN = 4
/** Most bytes that a token is thought to have on the average of a whole prompt: runs of blanks have long tokens. */
const BYTES_PER_TOKEN_MAX = 32
/** How far a text may be from what was learned of others, as a factor. */
const LEARNED_SPREAD = 4
/** What an estimate is multiplied with to be safe: without and with something learned. */
const MARGIN = { guessed: 1.5, learned: 1.25 } as const
/** What a model's template puts around a message, in tokens. */
const TOKENS_PER_MESSAGE = 8
/** What a picture takes, in tokens (ollama/ollama server/prompt.go). */
const TOKENS_PER_MEDIA = 768
/** Shortest prompt that teaches how long a token is, in bytes: in a short one the template is most of it. */
const LEARNED_BYTES_MIN = 512
/** Most that one answer changes what was learned: more where tokens turn out to be shorter, which is the risky side. */
const LEARNING = { shorter: 0.5, longer: 0.1 } as const

/** Room for the answer where the call names no limit, in tokens. */
const OUTPUT_TOKENS_RESERVED = 1_024
/** Smallest window that is asked for, in tokens, and what a server is thought to choose where nothing is known. */
const WINDOW_TOKENS_MIN = 4_096
/** Largest window that is asked for where it is not known what the model was trained for, in tokens. */
const WINDOW_UNTOLD_TOKENS_MAX = 32_768

/** Longest text of which every unit is looked at; of longer ones, stretches are. */
const COUNTED_CHARS_MAX = 2_048
const STRETCHES = 4
const STRETCH_CHARS = 512

/** How large a value is that goes into a prompt: its texts and, for objects, their names. `media` is not text. */
export function promptSizeOf(messages: readonly object[], tools: readonly object[]): PromptSize {
  const size = { chars: 0, bytes: 0, messages: messages.length, media: 0 }
  for (const message of messages) addSize(size, message)
  for (const tool of tools) addSize(size, tool)
  return size
}

interface Size {
  chars: number
  bytes: number
  media: number
}

function addSize(size: Size, value: unknown): void {
  if (typeof value === 'string') {
    size.chars += value.length
    size.bytes += utf8BytesOf(value)
  } else if (Array.isArray(value)) {
    for (const one of value) addSize(size, one)
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, one] of Object.entries(value)) {
      if (name === 'images' && Array.isArray(one)) {
        size.media += one.length
      } else {
        // Names of roles and fields are part of what the template counts for a message.
        if (name !== 'content' && name !== 'role') size.bytes += name.length
        if (name !== 'role') addSize(size, one)
      }
    }
  } else if (value !== undefined) {
    size.bytes += 4
  }
}

/** Bytes of a text in UTF-8: exact for a short one. */
export function utf8BytesOf(text: string): number {
  if (text.length <= COUNTED_CHARS_MAX) return bytesBetween(text, 0, text.length)
  const step = (text.length - STRETCH_CHARS) / (STRETCHES - 1)
  let bytes = 0
  for (let stretch = 0; stretch < STRETCHES; stretch++) {
    const from = Math.floor(stretch * step)
    bytes += bytesBetween(text, from, from + STRETCH_CHARS)
  }
  return Math.round((bytes / (STRETCHES * STRETCH_CHARS)) * text.length)
}

function bytesBetween(text: string, from: number, to: number): number {
  let bytes = to - from
  for (let index = from; index < to; index++) {
    const unit = text.charCodeAt(index)
    // Half of a pair has two of the four bytes of the whole.
    if (unit > 0x7f) bytes += unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 1 : 2
  }
  return bytes
}

/** How many tokens a prompt may have, by what was learned of the model. */
export function estimateOf(size: PromptSize, bytesPerToken: number | undefined): TokenEstimate {
  const fixed = size.messages * TOKENS_PER_MESSAGE + size.media * TOKENS_PER_MEDIA
  const text = size.bytes / (bytesPerToken ?? BYTES_PER_TOKEN)
  const most = bytesPerToken === undefined ? BYTES_PER_TOKEN_MAX : bytesPerToken * LEARNED_SPREAD
  const margin = bytesPerToken === undefined ? MARGIN.guessed : MARGIN.learned
  return {
    low: Math.floor(size.chars / most),
    expected: Math.ceil(text) + fixed,
    high: Math.ceil(text * margin) + fixed,
  }
}

/** How long a token of the model is, after a prompt of this size had so many. */
export function learnedBytesPerToken(
  known: number | undefined,
  size: PromptSize,
  tokens: number,
): number | undefined {
  if (size.bytes < LEARNED_BYTES_MIN || size.media > 0) return known
  const seen = ratioOf(size, tokens)
  if (known === undefined) return seen
  return known + (seen - known) * (seen < known ? LEARNING.shorter : LEARNING.longer)
}

/** The same, for a prompt that was refused: the next estimate of this very prompt is right. */
export function ratioOf(size: PromptSize, tokens: number): number {
  return Math.min(RATIO.max, Math.max(RATIO.min, plainRatio(size, tokens)))
}

/** Whether a prompt of this size can have so many tokens. */
export function isPlausible(size: PromptSize, tokens: number): boolean {
  return plainRatio(size, tokens) >= RATIO.min
}

/** Bytes of a token on the average: fewer are no text, more are no average. */
const RATIO = { min: 0.5, max: 16 } as const

function plainRatio(size: PromptSize, tokens: number): number {
  const fixed = size.messages * TOKENS_PER_MESSAGE + size.media * TOKENS_PER_MEDIA
  return size.bytes / Math.max(1, tokens - fixed)
}

/** What decides how a model is loaded for a request. */
export interface LoadAsk {
  readonly model: string
  readonly memory: ModelMemory
  /** The settings that the call names. */
  readonly given: LoadProfile
  readonly size: PromptSize
  readonly maxOutputTokens: number | undefined
  /** Tokens that the model was trained for. */
  readonly trained: number | undefined
  /** Tokens that the model's own settings ask for. */
  readonly modelsOwn: number | undefined
  readonly bounds: ContextWindow | undefined
  /** What the window is called where the caller can set it. */
  readonly windowName: string
}

/** How a model is loaded for a request, and what is known about its window. */
export interface LoadPlan {
  readonly load: LoadProfile
  readonly size: PromptSize
  readonly estimate: TokenEstimate
  /** Tokens that the model is expected to run with; undefined where the server chooses and was not asked yet. */
  readonly window: number | undefined
  /** Largest window that may be asked for in place of this one; undefined where the user chose it. */
  readonly windowMax: number | undefined
  readonly memory: ModelMemory
  readonly warnings: readonly Warning[]
}

const NOTHING_GIVEN: LoadProfile = Object.freeze({ window: undefined, others: Object.freeze({}) })

/**
 * How a model is loaded for a request: as for the one before unless the call says otherwise, since every change has it
 * loaded anew; with a window that holds the prompt and the answer, which grows in powers of two and never shrinks. While
 * the server's own choice suffices nothing is asked for.
 *
 * @throws AIError `context_too_long` where the prompt is certainly longer than the model can take
 */
export function planLoad(ask: LoadAsk): LoadPlan {
  const { memory, given, size, trained = Number.POSITIVE_INFINITY } = ask
  const { min = 0, max = Number.POSITIVE_INFINITY } =
    typeof ask.bounds === 'number' ? { min: ask.bounds, max: ask.bounds } : (ask.bounds ?? {})
  const estimate = estimateOf(size, memory.bytesPerToken)
  const chosen = given.window ?? (min === max ? min : undefined)
  const limit = Math.min(trained, chosen ?? max)
  if (estimate.low > limit) throw tooLong(ask, estimate, limit)
  const window = chosen ?? windowFor(ask, estimate, { min, max })
  const load = profileWith(memory.load, given.others, window)
  const isSame = load === memory.load
  const known = isSame ? memory.window : undefined
  return {
    load,
    size,
    estimate,
    window: known ?? (window === undefined ? memory.ownWindow : Math.min(window, trained)),
    windowMax: chosen === undefined ? limitOf(ask.trained, max) : undefined,
    memory: isSame ? memory : { ...memory, load, window: undefined, looks: 0 },
    warnings: isSame || memory.load === undefined ? [] : deviations(ask, memory.load, load),
  }
}

function limitOf(trained: number | undefined, max: number): number {
  return Math.min(trained ?? Math.max(WINDOW_UNTOLD_TOKENS_MAX, Number.isFinite(max) ? max : 0), max)
}

function windowFor(
  { memory, trained, modelsOwn, maxOutputTokens }: LoadAsk,
  estimate: TokenEstimate,
  { min, max }: { readonly min: number; readonly max: number },
): number | undefined {
  const inherited = memory.load?.window
  const limit = limitOf(trained, max)
  const needed = Math.min(limit, Math.max(min, estimate.high + (maxOutputTokens ?? OUTPUT_TOKENS_RESERVED)))
  const own = memory.ownWindow ?? modelsOwn
  // What the server chooses by itself may be more than the user allows: only a window that is known may stay.
  const mayStay = inherited !== undefined || !Number.isFinite(max) || (own !== undefined && own <= max)
  const current = inherited ?? Math.min(own ?? WINDOW_TOKENS_MIN, trained ?? Number.POSITIVE_INFINITY)
  if (mayStay && needed <= current) return inherited
  return Math.min(limit, 2 ** Math.ceil(Math.log2(Math.max(needed, WINDOW_TOKENS_MIN))))
}

/** The profile of the call before, changed where it must be; the same object where nothing is. */
function profileWith(
  before: LoadProfile | undefined,
  others: LoadProfile['others'],
  window: number | undefined,
): LoadProfile {
  const { window: sticky, others: kept } = before ?? NOTHING_GIVEN
  const isSame = window === sticky && Object.entries(others).every(([name, value]) => kept[name] === value)
  if (isSame) return before ?? NOTHING_GIVEN
  return { window, others: { ...kept, ...others } }
}

function deviations(
  { memory, given, model, windowName }: LoadAsk,
  before: LoadProfile,
  now: LoadProfile,
): Warning[] {
  const changed = Object.keys(given.others).filter((name) => before.others[name] !== now.others[name])
  // A window that grows is our own doing; one that the model runs with already changes nothing.
  const asked = given.window !== undefined && given.window !== (before.window ?? memory.window)
  if (asked) changed.unshift(windowName)
  if (changed.length === 0) return []
  return [
    {
      code: 'load-profile-changed',
      message:
        `${changed.join(', ')} differs from the calls before: ${model} is loaded anew, and again when a call changes it ` +
        'back. Set it the same on every call; a call that names none takes over what was set before',
      details: { model, options: changed },
    },
  ]
}

function tooLong({ model, windowName }: LoadAsk, estimate: TokenEstimate, contextSize: number): AIError {
  return new AIError({
    code: 'context_too_long',
    message:
      `The conversation has at least ${estimate.low} tokens (about ${estimate.expected}) and ${model} takes in ` +
      `${contextSize}: shorten it, or raise ${windowName} where the model can take more`,
    model,
    details: {
      kind: 'context-overflow',
      promptTokens: estimate.expected,
      contextSize,
      estimate,
      estimated: true,
    },
  })
}
