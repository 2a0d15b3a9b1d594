import { isObject } from '../../core/error-text.ts'
import type { DriverEvent } from '../../core/stream.ts'
import type { Warning } from '../../core/warning.ts'

export type Wire = Readonly<Record<string, unknown>>

/** Fields for thoughts: DeepSeek, llama.cpp, LM Studio and xAI have the first, Ollama and newer vLLM the second. */
export const THOUGHT_FIELDS = ['reasoning_content', 'reasoning'] as const

export type ThoughtField = (typeof THOUGHT_FIELDS)[number]

/** What a part of an answer keeps for the turns that follow, as `providerData`. */
export interface ChatKept {
  /** Where a thought came, so that it can go back the same way. */
  readonly field?: ThoughtField
  /** Thoughts as OpenRouter has them. */
  readonly details?: readonly Wire[]
  /** Beside a call: Google's own server has the signature of a thought there. */
  readonly extra?: unknown
  /** What was spoken. Its words are the text. */
  readonly audio?: Wire
}

/** What a part kept; nothing for that of others. */
export function keptBy({ providerData }: { readonly providerData?: unknown }): ChatKept {
  return isObject(providerData) ? providerData : {}
}

/** What comes beside texts and calls, from some servers and on some chunks. */
export interface Beside {
  /** Sealed thoughts among them, without which some models refuse to go on after a call. */
  readonly details: readonly Wire[]
  /** Where the text is from. */
  readonly annotations: readonly unknown[]
  readonly audio: Wire | undefined
  /** Of the chunks at the end: citations, timings, who really answered. */
  readonly fields: Wire
}

export const NOTHING_BESIDE: Beside = { details: [], annotations: [], audio: undefined, fields: {} }

/** Most of them that are kept. */
const DETAILS_MAX = 512
const ANNOTATIONS_MAX = 2_048

/** What a delta has beside its text; the same object where it has nothing, as most have. */
export function withDelta(beside: Beside, delta: Wire): Beside {
  const { reasoning_details: details, annotations, audio } = delta
  if (details === undefined && annotations === undefined && audio === undefined) return beside
  return {
    ...beside,
    details: Array.isArray(details)
      ? details.filter(isObject).reduce(withDetail, beside.details)
      : beside.details,
    annotations: Array.isArray(annotations)
      ? [...beside.annotations, ...(annotations as unknown[])].slice(0, ANNOTATIONS_MAX)
      : beside.annotations,
    audio: isObject(audio) ? joined(beside.audio ?? {}, audio, ['transcript', 'data']) : beside.audio,
  }
}

/** Pieces of one detail have one number and one type. */
function withDetail(details: readonly Wire[], piece: Wire): readonly Wire[] {
  const { index, type } = piece
  const at = details.findIndex((one) => index !== undefined && one['index'] === index && one['type'] === type)
  const known = details[at]
  if (known) return details.with(at, joined(known, piece, ['text', 'summary']))
  return details.length < DETAILS_MAX ? [...details, piece] : details
}

/** Two pieces as one: texts that come in pieces follow each other, of the rest the last word counts. */
function joined(before: Wire, piece: Wire, texts: readonly string[]): Wire {
  const more = Object.entries(piece).flatMap(([name, value]) => {
    if (value === undefined || value === null) return []
    const isMore = texts.includes(name) && typeof before[name] === 'string' && typeof value === 'string'
    return [[name, isMore ? `${String(before[name])}${value}` : value]]
  })
  return { ...before, ...(Object.fromEntries(more) as Wire) }
}

/** What a chunk at the end has beside its choices. */
export function withFields(beside: Beside, { choices: _, object: __, ...fields }: Wire): Beside {
  return { ...beside, fields: { ...beside.fields, ...fields } }
}

/** What is told when an answer ends, since it may come in any chunk before that. */
export function tellBeside({ details, audio }: Beside, field: ThoughtField, events: DriverEvent[]): void {
  if (details.length > 0) {
    const providerData: ChatKept = { field, details }
    events.push({ type: 'reasoning-start' }, { type: 'reasoning-end', providerData })
  }
  if (typeof audio?.['data'] !== 'string') return
  const providerData: ChatKept = { audio }
  events.push({ type: 'text-start' }, { type: 'text-end', providerData })
  events.push({ type: 'warning', warning: MEDIA })
}

const MEDIA: Warning = {
  code: 'media-in-answer',
  message:
    'The answer was spoken: its sound is in providerData.data.audio.data of a part without text, as base64',
  details: {},
}

/** The beside of an answer, as the server writes it. */
export function rawOf({ annotations, fields }: Beside): Wire {
  return annotations.length === 0 ? fields : { ...fields, choices: [{ message: { annotations } }] }
}
