import { isObject } from '../../core/error-text.ts'
import type { DriverEvent } from '../../core/stream.ts'
import { listOf, type OpenItem } from './items.ts'
import { kept, type Wire } from './kept.ts'

/** What is remembered of an item that was told whole: what the bill needs, and what no part of the answer has. */
export interface ToldItem {
  readonly place: number
  readonly type: unknown
  readonly status: unknown
  /** What kind of action a call of the provider's own was. */
  readonly action: unknown
  /** The id of a thought that is not sealed yet. */
  readonly unsealed?: unknown
  /** What stands beside the texts of a message, part by part. */
  readonly notes?: readonly Wire[]
}

export function toTold({ place, item }: OpenItem): ToldItem {
  const { type, status, action, content, id, encrypted_content: sealed } = item
  const notes = listOf(content).map(notesOf)
  return {
    place,
    type,
    status,
    action: isObject(action) ? action['type'] : undefined,
    ...(type === 'reasoning' && typeof sealed !== 'string' && { unsealed: id }),
    ...(notes.some((one) => Object.keys(one).length > 0) && { notes }),
  }
}

const NOTES = ['annotations', 'logprobs'] as const

/** Where a text is from, and how likely it was. */
function notesOf(part: Wire): Wire {
  return Object.fromEntries(NOTES.flatMap((name) => (isFilled(part[name]) ? [[name, part[name]]] : [])))
}

function isFilled(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0
}

/** Thoughts that are sealed in the whole answer only (Azure): each is told once more, without its text. */
export function sealedLate(told: readonly ToldItem[], output: readonly Wire[]): DriverEvent[] {
  if (told.every((one) => one.unsealed === undefined)) return []
  const unsealed = new Set<unknown>(told.map((one) => one.unsealed).filter((id) => id !== undefined))
  return output.flatMap((item): DriverEvent[] => {
    const isLate = unsealed.has(item['id']) && typeof item['encrypted_content'] === 'string'
    if (!isLate) return []
    return [{ type: 'reasoning-start' }, { type: 'reasoning-end', providerData: kept({ item }) }]
  })
}

/** The answer as the service wrote it, but for what was asked and what the parts of the answer have. */
export function rawOf(response: Wire, told: readonly ToldItem[]): Wire {
  const { output: _, instructions: __, input: ___, tools: ____, ...raw } = response
  const output = told.flatMap(({ type, notes }) => (notes ? [{ type, content: notes }] : []))
  return output.length === 0 ? raw : { ...raw, output }
}
