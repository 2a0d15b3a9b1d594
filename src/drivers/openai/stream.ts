import { isObject } from '../../core/error-text.ts'
import type { Step } from '../../core/wire.ts'
import * as chat from '../../dialects/openai-chat/stream.ts'
import * as responses from '../../dialects/openai-responses/stream.ts'

/** Which of the two dialects an answer is in is seen by its first event: proxies answer in one what was asked in the other. */
export type OpenAIState =
  | { readonly dialect: undefined }
  | { readonly dialect: 'chat'; readonly state: chat.ChatState }
  | { readonly dialect: 'responses'; readonly state: responses.ResponsesState }

export const FRAMING: 'sse' = responses.FRAMING

export const INITIAL: OpenAIState = { dialect: undefined }

/** The next event of an answer. */
export function reduce(state: OpenAIState, record: unknown): Step<OpenAIState> {
  if (state.dialect === 'chat') return inChat(chat.reduce(state.state, record))
  if (state.dialect === 'responses') return inResponses(responses.reduce(state.state, record))
  // A sign of life says nothing of the dialect.
  if (isObject(record) && typeof record['data'] === 'string' && record['data'].trim() === '')
    return { state, events: [] }
  return isChatRecord(record)
    ? inChat(chat.reduce(chat.INITIAL, record))
    : inResponses(responses.reduce(responses.INITIAL, record))
}

/** Whether the server said that the answer is complete. */
export function isComplete(state: OpenAIState): boolean {
  if (state.dialect === 'chat') return chat.isComplete(state.state)
  return state.dialect === 'responses' && responses.isComplete(state.state)
}

/** Some servers end without a last word: then the reason of a chat answer is one. */
export function endOfStream(state: OpenAIState): Step<OpenAIState> {
  return state.dialect === 'chat' ? inChat(chat.endOfStream(state.state)) : { state, events: [] }
}

/** A whole answer, in either dialect. */
export function wholeAnswer(json: unknown): Step<OpenAIState> {
  const isResponse = isObject(json) && (json['object'] === 'response' || Array.isArray(json['output']))
  const isChat = isObject(json) && Array.isArray(json['choices'])
  return isChat && !isResponse ? inChat(chat.fromWire(json)) : inResponses(responses.fromWire(json))
}

/** Events of Responses have a type; chunks of Chat Completions have choices, or are named for what they are. */
function isChatRecord(record: unknown): boolean {
  const data = isObject(record) ? record['data'] : undefined
  if (typeof data !== 'string') return false
  return !/^\s*\{[^]*?"type"\s*:\s*"(?:response\.|error")/.test(data) && /"(?:choices|object)"\s*:/.test(data)
}

function inChat({ state, events, failure }: Step<chat.ChatState>): Step<OpenAIState> {
  return stepOf({ dialect: 'chat', state }, events, failure)
}

function inResponses({ state, events, failure }: Step<responses.ResponsesState>): Step<OpenAIState> {
  return stepOf({ dialect: 'responses', state }, events, failure)
}

function stepOf(
  state: OpenAIState,
  events: Step<OpenAIState>['events'],
  failure: string | undefined,
): Step<OpenAIState> {
  return failure === undefined ? { state, events } : { state, events, failure }
}
