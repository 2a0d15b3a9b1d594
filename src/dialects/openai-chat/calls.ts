import { isObject } from '../../core/error-text.ts'
import type { DriverEvent } from '../../core/stream.ts'
import { toToolCall, UNNAMED } from '../tool-call.ts'
import type { ChatKept } from './beside.ts'

/** A tool call that is being written. */
export interface OpenCall {
  /** The server's number for it; undefined where it gives none. */
  readonly index: number | undefined
  readonly id: string
  readonly name: string
  readonly argumentsText: string
  /** Beside the function: it goes back with the call. */
  readonly extra: unknown
}

/** Most tool calls of one answer that are read: a model that goes on calling has lost its way. */
export const CALLS_MAX = 512

/**
 * Takes in what a chunk says of tool calls. The first fragment of a call has its id and name, later ones more of its
 * arguments. Compatible servers leave the id empty or say it each time, leave the index out or give every call the
 * same one, and skip numbers.
 */
export function takeFragments(
  calls: readonly OpenCall[],
  fragments: readonly unknown[],
  events: DriverEvent[],
): readonly OpenCall[] {
  const all = [...calls]
  for (const fragment of fragments) {
    const told = read(fragment)
    if (!told) continue
    const at = placeOf(all, told)
    const known = all[at]
    if (!known && all.length >= CALLS_MAX) continue
    const call = known
      ? {
          ...known,
          argumentsText: known.argumentsText + told.argumentsText,
          extra: told.extra ?? known.extra,
        }
      : begin(told, all.length)
    if (!known) events.push({ type: 'tool-call-start', id: call.id, name: call.name || UNNAMED })
    if (told.argumentsText !== '')
      events.push({ type: 'tool-call-delta', id: call.id, argumentsText: told.argumentsText })
    all[known ? at : all.length] = call
  }
  return all
}

/**
 * The calls when the answer is over, in the server's order: what parses before that may be only the beginning. Where the
 * answer was cut, half the arguments of a call are no call.
 */
export function finishCalls(calls: readonly OpenCall[], wasCut: boolean): DriverEvent[] {
  const inOrder = calls.toSorted((a, b) => (a.index ?? 0) - (b.index ?? 0))
  return inOrder.flatMap(({ extra, ...told }): DriverEvent[] => {
    const call = toToolCall({ ...told, given: told.argumentsText })
    if (wasCut && call.issues) return []
    if (extra === undefined) return [{ type: 'tool-call', call }]
    const providerData: ChatKept = { extra }
    return [{ type: 'tool-call', call: { ...call, providerData } }]
  })
}

type Fragment = Omit<OpenCall, 'id'> & { readonly id: string | undefined }

function read(fragment: unknown): Fragment | undefined {
  if (!isObject(fragment)) return undefined
  const { index, id, function: called, extra_content: extra } = fragment
  const { name, arguments: given } = isObject(called) ? called : {}
  return {
    index: Number.isSafeInteger(index) ? (index as number) : undefined,
    id: typeof id === 'string' && id !== '' ? id : undefined,
    name: typeof name === 'string' ? name : '',
    argumentsText: textOf(given),
    extra: extra ?? undefined,
  }
}

/** Some servers send the arguments as an object. */
function textOf(given: unknown): string {
  if (given === undefined || given === null) return ''
  return typeof given === 'string' ? given : JSON.stringify(given)
}

/** Which call a fragment belongs to; -1 for a new one. */
function placeOf(calls: readonly OpenCall[], { index, id, name }: Fragment): number {
  const isSame = (call: OpenCall): boolean =>
    index === undefined ? id === undefined || call.id === id : call.index === index
  const at = calls.findLastIndex(isSame)
  const known = calls[at]
  // One number for all calls: another id with a name begins another call.
  const isOther = known && name !== '' && id !== undefined && known.id !== id
  // Neither number nor id: a name begins a call.
  const isNext = known && index === undefined && id === undefined && name !== ''
  return isOther || isNext ? -1 : at
}

/** Ids are made up where there is none; those of a whole conversation are kept apart elsewhere. */
function begin({ id, ...told }: Fragment, before: number): OpenCall {
  return { ...told, id: id ?? `call_${before + 1}` }
}
