import { isObject } from '../../core/error-text.ts'
import type { ToolCall } from '../../core/response.ts'
import { deltaOf, type DriverEvent } from '../../core/stream.ts'
import type { Warning } from '../../core/warning.ts'
import { toToolCall, UNNAMED } from '../tool-call.ts'
import { kept, type Wire, type Wrapper } from './kept.ts'

/** One item of an answer while it is written. Items are told in their order, whatever the order of their events is. */
export interface OpenItem {
  /** Its place in the answer: ids can change between two events of one item. */
  readonly place: number
  /** As last told. */
  readonly item: Wire
  readonly open: 'text' | 'reasoning' | undefined
  /** Which part or summary of the item is open. */
  readonly part: number
  /** What came of the open part: what comes whole at its end may not have come before. */
  readonly text: string
  /** Parts that are over. */
  readonly closed: number
  readonly argumentsText: string
  /** Whether it can be the caller's where it is a call of a tool that takes plain text. */
  readonly customTools: boolean
  readonly done: boolean
  /** What waits until the items before it are done. */
  readonly waiting: readonly DriverEvent[]
}

/** An item that begins. */
export function beginItem(place: number, item: Wire, customTools: boolean): OpenItem {
  const open = { open: undefined, part: 0, text: '', closed: 0, argumentsText: '', done: false, waiting: [] }
  return { place, item, customTools, ...open }
}

/** What an item says when it begins: the call of a tool has its name then. */
export function startOf(open: OpenItem): readonly DriverEvent[] {
  const { item } = open
  const isTold = isClientCall(open) && !WRAPPERS.has(nameOf(item))
  return isTold ? [{ type: 'tool-call-start', id: callIdOf(item), name: nameOf(item) || UNNAMED }] : []
}

/** More of a text, a refusal or a thought. */
export function say(
  open: OpenItem,
  kind: 'text' | 'reasoning',
  part: number,
  text: string,
): { readonly item: OpenItem; readonly events: readonly DriverEvent[] } {
  if (text === '') return { item: open, events: [] }
  const delta = deltaOf(kind, text)
  if (open.open === kind && open.part === part) {
    return { item: { ...open, text: open.text + text }, events: [delta] }
  }
  // The summaries of one thought are one part, so that it can go back as it came.
  if (kind === 'reasoning' && open.open === 'reasoning') {
    const between: DriverEvent = { type: 'reasoning-delta', text: '\n\n' }
    return { item: { ...open, part, text, closed: part }, events: [between, delta] }
  }
  const { item: before, events } = closePart(open)
  const start: DriverEvent = { type: `${kind}-start` }
  return { item: { ...before, open: kind, part, text }, events: [...events, start, delta] }
}

/** What came whole and not before: some servers send no pieces. */
export function sayRest(
  open: OpenItem,
  kind: 'text' | 'reasoning',
  part: number,
  whole: unknown,
): { readonly item: OpenItem; readonly events: readonly DriverEvent[] } {
  if (typeof whole !== 'string') return { item: open, events: [] }
  const isOpen = open.open === kind && open.part === part
  if (!isOpen) return part < open.closed ? { item: open, events: [] } : say(open, kind, part, whole)
  const isMore = whole.length > open.text.length && whole.startsWith(open.text)
  return isMore ? say(open, kind, part, whole.slice(open.text.length)) : { item: open, events: [] }
}

/** Ends the open part of a message. */
export function closePart(open: OpenItem): {
  readonly item: OpenItem
  readonly events: readonly DriverEvent[]
} {
  if (open.open === undefined) return { item: open, events: [] }
  const item = { ...open, open: undefined, text: '', closed: open.part + 1 }
  if (open.open === 'reasoning') return { item, events: [{ type: 'reasoning-end' }] }
  const providerData = keptOfMessage(open.item, open.part)
  return {
    item,
    events: [providerData === undefined ? { type: 'text-end' } : { type: 'text-end', providerData }],
  }
}

/** What the whole item, as it came at its end, adds to what was told of it; then nothing more comes of it. */
export function finishItem(
  open: OpenItem,
  whole: Wire,
): { readonly item: OpenItem; readonly events: readonly DriverEvent[] } {
  const events: DriverEvent[] = []
  let now: OpenItem = { ...open, item: whole }
  const tell = (step: { item: OpenItem; events: readonly DriverEvent[] }): void => {
    now = step.item
    events.push(...step.events)
  }
  switch (whole['type']) {
    case 'message':
      for (const [part, content] of listOf(whole['content']).entries()) {
        tell(sayRest(now, 'text', part, content['text'] ?? content['refusal']))
      }
      tell(closePart(now))
      break
    case 'reasoning':
      for (const { part, text } of thoughtsIn(whole)) tell(sayRest(now, 'reasoning', part, text))
      // A thought without a word has its encrypted content all the same.
      if (now.open === undefined) events.push({ type: 'reasoning-start' })
      events.push({ type: 'reasoning-end', providerData: kept({ item: whole }) })
      break
    default:
      if (isWholeCall(now)) for (const call of toCalls(now)) events.push({ type: 'tool-call', call })
      // Unfinished ones would be refused when they come back.
      else if (isKeptWhole(whole)) {
        const providerData = kept({ item: whole })
        events.push({ type: 'reasoning-start' }, { type: 'reasoning-end', providerData })
        if (isPicture(whole)) events.push({ type: 'warning', warning: MEDIA })
      }
  }
  return { item: { ...now, open: undefined, done: true }, events }
}

/** Summaries and raw thoughts, numbered through: a server sends one kind or the other. */
function thoughtsIn(item: Wire): { readonly part: number; readonly text: unknown }[] {
  const summaries = listOf(item['summary'])
  const raw = listOf(item['content'])
  return [
    ...summaries.map(({ text }, part) => ({ part, text })),
    ...raw.map(({ text }, index) => ({ part: RAW_THOUGHTS + index, text })),
  ]
}

/** Where raw thoughts are numbered from, so that they are apart from summaries. */
export const RAW_THOUGHTS = 1_000_000

/** What must come back of a message: its phase, and the id that ties it to the thought before it. */
function keptOfMessage(item: Wire, part: number): unknown {
  const { phase, id } = item
  const content = listOf(item['content'])[part]
  const refusal = content?.['type'] === 'refusal'
  if (phase === undefined && !refusal) return undefined
  return kept({
    fields: { ...(typeof id === 'string' && { id }), ...(typeof phase === 'string' && { phase }) },
    ...(refusal && { refusal }),
  })
}

/** Whether an item calls a tool of the caller. The provider's own calls can have the same type, and no id to answer to. */
function isClientCall({ item, customTools }: OpenItem): boolean {
  const { type, id, call_id: callId } = item
  if (type !== 'function_call' && !(type === 'custom_tool_call' && customTools)) return false
  return !(SERVER_CALL_ID.test(String(id)) || SERVER_CALL_ID.test(String(callId)) || callId === '')
}

/** Half the arguments of a call are no call. */
export function isWholeCall(open: OpenItem): boolean {
  return isClientCall(open) && open.item['status'] !== 'incomplete'
}

const SERVER_CALL_ID = /^(?:xs|ws|ci|fs|mcp)_call/

/** Items of the provider's own tools, and others that mean nothing here, go back as they came. */
function isKeptWhole({ type, status }: Wire): boolean {
  if (typeof type !== 'string') return false
  return status === undefined || status === 'completed'
}

/** Groat's answers have no part for a picture. */
function isPicture({ type, result }: Wire): boolean {
  return type === 'image_generation_call' && typeof result === 'string' && result !== ''
}

const MEDIA: Warning = {
  code: 'media-in-answer',
  message:
    'The answer has a picture: it is in providerData.data.item.result of a part without text, as base64',
  details: {},
}

function callIdOf({ call_id: callId, id }: Wire): string {
  if (typeof callId === 'string' && callId !== '') return callId
  return typeof id === 'string' && id !== '' ? id : 'call_1'
}

function nameOf({ name }: Wire): string {
  return typeof name === 'string' ? name : ''
}

/** More of the arguments of a call. */
export function addArguments(
  open: OpenItem,
  text: string,
): { readonly item: OpenItem; readonly events: readonly DriverEvent[] } {
  if (text === '') return { item: open, events: [] }
  const item = { ...open, argumentsText: open.argumentsText + text }
  const isCall = isClientCall(open) && !WRAPPERS.has(nameOf(open.item))
  return {
    item,
    events: isCall ? [{ type: 'tool-call-delta', id: callIdOf(open.item), argumentsText: text }] : [],
  }
}

const OWN_FIELDS: ReadonlySet<string> = new Set(['type', 'status', 'call_id', 'name', 'arguments', 'input'])

/** Names under which models call several tools at once, as they were once taught to (vercel/ai, 4.0.45). */
const WRAPPERS: ReadonlySet<string> = new Set(['parallel', 'multi_tool_use.parallel'])
/** How the tools are named in there. */
const IN_WRAPPER = /^functions\./

/** The call of an item, or the calls that are wrapped in it. */
function toCalls(open: OpenItem): ToolCall[] {
  const call = toCall(open)
  const { tool_uses: uses } = call.arguments
  if (!WRAPPERS.has(call.name) || !Array.isArray(uses) || uses.length === 0 || !uses.every(isWrapped))
    return [call]
  const { item, argumentsText } = open
  const told = item['arguments']
  const fields = Object.fromEntries(Object.entries(item).filter(([field]) => !OWN_FIELDS.has(field)))
  const wrapper: Wrapper = {
    callId: call.id,
    name: call.name,
    argumentsText: typeof told === 'string' && told !== '' ? told : argumentsText,
    fields,
  }
  return uses.map(({ recipient_name: name, parameters }, index) => ({
    id: `${call.id}_${index + 1}`,
    name: name.replace(IN_WRAPPER, ''),
    arguments: parameters,
    providerData: kept({ wrapper }),
  }))
}

function isWrapped(use: unknown): use is { readonly recipient_name: string; readonly parameters: Wire } {
  if (!isObject(use)) return false
  const { recipient_name: name, parameters } = use
  return typeof name === 'string' && IN_WRAPPER.test(name) && isObject(parameters)
}

function toCall({ item, argumentsText }: OpenItem): ToolCall {
  const custom = item['type'] === 'custom_tool_call'
  const told = custom ? item['input'] : item['arguments']
  const given = told === undefined || told === null || told === '' ? argumentsText : told
  const fields = Object.fromEntries(Object.entries(item).filter(([field]) => !OWN_FIELDS.has(field)))
  const providerData = kept({ fields, ...(custom && { custom }) })
  return {
    ...toToolCall({ id: callIdOf(item), name: nameOf(item), given: custom ? { input: given } : given }),
    ...(Object.keys(fields).length === 0 && !custom ? {} : { providerData }),
  }
}

export function listOf(value: unknown): readonly Wire[] {
  if (!Array.isArray(value)) return NOTHING
  return value.every(isObject) ? value : value.filter(isObject)
}

const NOTHING: readonly Wire[] = []
