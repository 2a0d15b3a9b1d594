import type { AIConfig } from 'groat'

/** How many pieces of text a stream has. */
export const RECORDS = 500

export const PROMPT: string = 'Hello. '.repeat(40)

/** One provider's protocol, as the stand-in speaks it and as callers ask for it. */
export interface Protocol {
  /** Where requests for answers go, behind what the stand-in's address ends with. */
  readonly path: { readonly whole: string; readonly stream: string }
  readonly body: { readonly whole: object; readonly stream: object }
  /** A whole answer. */
  readonly answer: object
  /** The records of a stream. */
  readonly records: readonly object[]
  readonly framing: 'ndjson' | 'sse'
  /** What a stream ends with. */
  readonly last?: string
  /** Whether a record has a piece of the text. */
  isText(record: Record<string, unknown>): boolean
  /** How groat is told of it. */
  provider(baseUrl: string): NonNullable<AIConfig['providers']>
}

const MESSAGES = [{ role: 'user', content: PROMPT }]
const MODEL = 'stand-in'
const LONG = 'x'.repeat(440)
const words: readonly string[] = Array.from({ length: RECORDS }, (_, index) => ` word${index}`)

const STAMP = { model: MODEL, created_at: '2026-01-01T00:00:00.000000000Z' }
const LAST = { done: true, done_reason: 'stop', total_duration: 9e8, prompt_eval_count: 12, eval_count: 120 }

const ollama: Protocol = {
  path: { whole: '/api/chat', stream: '/api/chat' },
  body: { whole: { model: MODEL, messages: MESSAGES }, stream: { model: MODEL, messages: MESSAGES } },
  answer: { ...STAMP, message: { role: 'assistant', content: LONG }, ...LAST },
  records: words.map((content, index) => {
    const message = { role: 'assistant', content }
    return { ...STAMP, message, ...(index === RECORDS - 1 ? LAST : { done: false }) }
  }),
  framing: 'ndjson',
  isText: () => true,
  provider: (baseUrl) => ({ ollama: { baseUrl, model: MODEL } }),
}

const USAGE = {
  input_tokens: 12,
  input_tokens_details: { cached_tokens: 0 },
  output_tokens: 120,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 132,
}
const RESPONSE = { id: 'resp_1', object: 'response', created_at: 1_767_225_600, model: MODEL, error: null }

function messageItem(text: string, status: string): object {
  const content = text === '' ? [] : [{ type: 'output_text', text, annotations: [] }]
  return { id: 'msg_1', type: 'message', role: 'assistant', status, content }
}

function responsesRecords(): object[] {
  const text = words.join('')
  const place = { item_id: 'msg_1', output_index: 0, content_index: 0 }
  const done = { ...RESPONSE, status: 'completed', output: [messageItem(text, 'completed')], usage: USAGE }
  const records = [
    { type: 'response.created', response: { ...RESPONSE, status: 'in_progress', output: [] } },
    { type: 'response.output_item.added', output_index: 0, item: messageItem('', 'in_progress') },
    {
      type: 'response.content_part.added',
      ...place,
      part: { type: 'output_text', text: '', annotations: [] },
    },
    ...words.map((delta) => ({ type: 'response.output_text.delta', ...place, delta })),
    { type: 'response.output_text.done', ...place, text },
    { type: 'response.content_part.done', ...place, part: { type: 'output_text', text, annotations: [] } },
    { type: 'response.output_item.done', output_index: 0, item: messageItem(text, 'completed') },
    { type: 'response.completed', response: done },
  ]
  return records.map((record, sequence_number) => ({ ...record, sequence_number }))
}

const input = { model: MODEL, input: MESSAGES }
const responses: Protocol = {
  path: { whole: '/responses', stream: '/responses' },
  body: { whole: input, stream: { ...input, stream: true } },
  answer: { ...RESPONSE, status: 'completed', output: [messageItem(LONG, 'completed')], usage: USAGE },
  records: responsesRecords(),
  framing: 'sse',
  isText: ({ type }) => type === 'response.output_text.delta',
  provider: (baseUrl) => ({ openai: { baseUrl, apiKey: 'k', model: MODEL } }),
}

const CHAT_USAGE = { prompt_tokens: 12, completion_tokens: 120, total_tokens: 132 }
const CHUNK = { id: 'c_1', object: 'chat.completion.chunk', created: 1_767_225_600, model: MODEL }
const chatBody = { model: MODEL, messages: MESSAGES }
const chat: Protocol = {
  path: { whole: '/chat/completions', stream: '/chat/completions' },
  body: { whole: chatBody, stream: { ...chatBody, stream: true } },
  answer: {
    ...CHUNK,
    object: 'chat.completion',
    choices: [{ index: 0, message: { role: 'assistant', content: LONG }, finish_reason: 'stop' }],
    usage: CHAT_USAGE,
  },
  records: [
    ...words.map((content, index) => {
      const delta = index === 0 ? { role: 'assistant', content } : { content }
      return { ...CHUNK, choices: [{ index: 0, delta, finish_reason: null }] }
    }),
    { ...CHUNK, choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] },
    { ...CHUNK, choices: [], usage: CHAT_USAGE },
  ],
  framing: 'sse',
  last: 'data: [DONE]\n\n',
  isText: ({ choices }) => {
    const [first] = choices as readonly { readonly delta: { readonly content?: string } }[]
    return first?.delta.content !== undefined
  },
  provider: (baseUrl) => ({
    chat: { driver: 'openai', dialect: 'chat', baseUrl, apiKey: 'k', model: MODEL } as never,
  }),
}

const GEMINI_USAGE = { promptTokenCount: 12, candidatesTokenCount: 120, totalTokenCount: 132 }

function candidate(text: string, finishReason?: string): object {
  const content = { role: 'model', parts: [{ text }] }
  return {
    candidates: [{ content, index: 0, ...(finishReason === undefined ? {} : { finishReason }) }],
    usageMetadata: GEMINI_USAGE,
    modelVersion: MODEL,
    responseId: 'r_1',
  }
}

const contents = { contents: [{ role: 'user', parts: [{ text: PROMPT }] }] }
const gemini: Protocol = {
  path: {
    whole: `/models/${MODEL}:generateContent`,
    stream: `/models/${MODEL}:streamGenerateContent?alt=sse`,
  },
  body: { whole: contents, stream: contents },
  answer: candidate(LONG, 'STOP'),
  records: words.map((word, index) => candidate(word, index === RECORDS - 1 ? 'STOP' : undefined)),
  framing: 'sse',
  isText: () => true,
  provider: (baseUrl) => ({ gemini: { baseUrl, apiKey: 'k', model: MODEL } }),
}

/** The protocols by the name that `npm run bench -- NAME` takes. */
export const PROTOCOLS: Readonly<Record<string, Protocol>> = { ollama, responses, chat, gemini }

export function protocolOf(name: string): Protocol {
  const protocol = PROTOCOLS[name]
  if (!protocol)
    throw new Error(`There is no protocol ${name}: there are ${Object.keys(PROTOCOLS).join(', ')}`)
  return protocol
}
