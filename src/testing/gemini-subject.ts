import { CAPABILITIES } from '../drivers/gemini/index.ts'
import type { ContractReply, ContractSubject } from './driver-contract.ts'
import { fakeGemini, type GeminiReply } from './fake-gemini.ts'
import type { Delivery, RecordedRequest } from './far-end.ts'

const MODEL = 'gemini-3.8-flash'
const EMBED_MODEL = 'gemini-embedding-001'

/** The Gemini driver with its stand-in, billed at the contract's prices. */
export const geminiSubject: ContractSubject = {
  name: 'gemini × fake',
  capabilities: CAPABILITIES,
  billing: 'priced',
  down: { gemini: { baseUrl: 'http://127.0.0.1:1/v1beta', apiKey: 'a-key-for-nobody' } },
  open: async () => {
    const server = await fakeGemini({ models: [MODEL, EMBED_MODEL], keys: ['test-key'] })
    const chats = (): readonly RecordedRequest[] =>
      server.requests.filter(({ path }) => path.endsWith('enerateContent'))
    return {
      providers: { gemini: { baseUrl: server.baseUrl, apiKey: 'test-key', model: MODEL } },
      provider: 'gemini',
      model: MODEL,
      embedModel: EMBED_MODEL,
      far: {
        replyVectors: ({ vectors, inputTokens }) =>
          server.once(`/v1beta/models/${EMBED_MODEL}:batchEmbedContents`, {
            body: {
              embeddings: vectors.map((values) => ({ values })),
              usageMetadata: { promptTokenCount: inputTokens },
            },
          }),
        embedRequests: () =>
          server.requests
            .filter(({ path }) => path.endsWith(':batchEmbedContents'))
            .map((request) => ({
              model: modelOf(request),
              values: (request.body as { requests: { content: Turn }[] }).requests.map(({ content }) =>
                content.parts.map(({ text }) => text ?? '').join(''),
              ),
            })),
        mediaSent: () =>
          chats()
            .flatMap((request) => (request.body as { contents: Turn[] }).contents)
            .flatMap(({ parts }) => parts.flatMap(({ inlineData }) => inlineData?.data ?? [])),
        reply: (...replies) => server.reply(...replies.map((reply) => toReply(reply, server.gate))),
        chatRequests: () =>
          chats().map((request) => ({ model: modelOf(request), messages: messagesIn(request.body) })),
        close: () => server.close(),
      },
    }
  },
}

interface Turn {
  readonly role?: string
  readonly parts: readonly {
    readonly text?: string
    readonly inlineData?: { readonly data: string }
    readonly functionResponse?: { readonly response: { readonly output?: unknown; readonly error?: unknown } }
  }[]
}

function modelOf({ path }: RecordedRequest): string {
  return /\/models\/([^:]+):/.exec(path)?.[1] ?? ''
}

/** A conversation as other providers have it: the system message first, and each result by itself. */
function messagesIn(body: unknown): { role: string; content: string }[] {
  const { contents, systemInstruction } = body as { contents: Turn[]; systemInstruction?: Turn }
  const text = ({ parts }: Turn): string => parts.map((part) => part.text ?? '').join('')
  const said = contents.flatMap((turn) => {
    const results = turn.parts.flatMap((part) => part.functionResponse ?? [])
    if (results.length === 0)
      return [{ role: turn.role === 'model' ? 'assistant' : 'user', content: text(turn) }]
    return results.map(({ response: { output, error } }) => {
      const given = output ?? error
      return { role: 'tool', content: typeof given === 'string' ? given : JSON.stringify(given) }
    })
  })
  return systemInstruction ? [{ role: 'system', content: text(systemInstruction) }, ...said] : said
}

const FAILURES: Readonly<Record<NonNullable<ContractReply['failure']>, GeminiReply>> = {
  unavailable: { status: 503, error: { message: 'The model is overloaded. Please try again later.' } },
  'rate-limited': { status: 429, error: { message: 'Resource has been exhausted (e.g. check quota).' } },
  unauthorized: { status: 401, error: { message: 'Request had invalid authentication credentials.' } },
  'model-missing': { status: 404, error: { message: 'models/gone is not found for API version v1beta.' } },
}

function toReply(reply: ContractReply, newGate: () => NonNullable<Delivery['gate']>): GeminiReply & Delivery {
  if (reply.failure) return FAILURES[reply.failure]
  const { pieces = [], inputTokens = 1, outputTokens = 1, silentUsage = false, length = false, hold } = reply
  const gate = hold && newGate()
  void hold?.until.then(() => gate?.open())
  return {
    chunks: pieces,
    ...(reply.reasoning ? { thinking: reply.reasoning } : {}),
    thoughtTokens: 0,
    ...(reply.toolCalls && {
      toolCalls: reply.toolCalls.map(({ name, arguments: args }) => ({ name, args })),
    }),
    ...(silentUsage ? { usage: null } : { promptTokens: inputTokens, outputTokens }),
    ...(length ? { finishReason: 'MAX_TOKENS' } : {}),
    ...(reply.cutAfter === undefined ? {} : { cutAfter: reply.cutAfter }),
    ...(gate && hold ? { gate, holdAfter: hold.after } : {}),
  }
}
