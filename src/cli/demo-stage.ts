import { createAI, isAIError, type AIConfig, type Client, type ModelInfo } from '../index.ts'
import { bytesText } from './format.ts'
import type { Terminal } from './terminal.ts'

/** Who answers in the demo. */
export interface Stage extends AsyncDisposable {
  readonly standIn: boolean
  /** The server, and where it is. */
  readonly server: string
  /** The model's name, and what is known of it. */
  readonly model: string
  readonly modelFacts: string
  /** Provider settings that reach it. */
  readonly options: NonNullable<NonNullable<AIConfig['providers']>[string]>
}

/** Time for the server to say that it is there, in milliseconds. */
const PROBE_MS = 2_000
/** Models that are asked one by one what they can do, where the list does not say. */
const ASKED_MAX = 5
/** Pause between two words of the stand-in, in milliseconds: long enough to be seen. */
const WORD_MS = 30

const SCRIPT =
  'Sunlight holds all colours. Air scatters its short blue waves far more than its long red ones. So blue light ' +
  'reaches your eyes from every part of the sky, and the sky looks blue.'

/** The Ollama that the configuration and OLLAMA_HOST name, with its smallest model that can chat, or why there is none. */
export async function findOllama(
  terminal: Terminal,
  config: AIConfig,
  wanted: string | undefined,
): Promise<{ readonly stage: Stage } | { readonly stage?: undefined; readonly why: string }> {
  const configured = config.providers?.ollama
  const options = configured ?? {}
  await using ai = createAI({ providers: { ollama: options }, runtime: terminal.runtime })
  const { status, details, issues } = await ai.provider('ollama').health({ timeoutMs: PROBE_MS })
  if (status === 'down') return { why: issues[0] ?? 'No Ollama answers' }
  const model = await chatModel(ai, wanted)
  if (typeof model === 'string') return { why: model }
  const facts = [model.parameters, bytesText(model.size)].filter((fact) => fact !== undefined && fact !== '')
  return {
    stage: {
      standIn: false,
      server: `the Ollama at ${addressOf(options, terminal)}, version ${String(details['version'])}`,
      model: model.id,
      modelFacts: facts.join(', '),
      options,
      [Symbol.asyncDispose]: async () => {},
    },
  }
}

function addressOf(options: Stage['options'], { runtime }: Terminal): string {
  if (typeof options === 'object' && options.baseUrl !== undefined) return options.baseUrl
  const host = runtime.env['OLLAMA_HOST'] ?? ''
  return host === '' ? '127.0.0.1:11434' : `${host.replace(/\/\/[^@/]*@/, '//…@')} (OLLAMA_HOST)`
}

/** The model to ask, or why there is none: the one that was named, or the smallest on the server's own disk. */
async function chatModel(ai: Client, wanted: string | undefined): Promise<ModelInfo | string> {
  try {
    const all = await ai.models.list({ timeoutMs: PROBE_MS })
    if (wanted !== undefined) {
      const id = wanted.replace(/^ollama\//, '')
      return all.find((model) => model.id === id || model.id === `${id}:latest`) ?? `It has no model ${id}`
    }
    const local = all
      .filter((model) => model.local !== false)
      .toSorted((a, b) => (a.size ?? Infinity) - (b.size ?? Infinity))
    const able = local.find((model) => model.capabilities.includes('chat'))
    if (able) return able
    // Servers before 0.6.4 list no capabilities.
    for (const { id, size } of local.slice(0, ASKED_MAX)) {
      const model = await ai.models.get(id, { timeoutMs: PROBE_MS })
      if (model.capabilities.includes('chat')) return size === undefined ? model : { ...model, size }
    }
    return 'An Ollama answers, but it has no model on its disk that can chat'
  } catch (error) {
    return isAIError(error) ? error.message : String(error)
  }
}

/** Starts the built-in stand-in: a real server that says scripted words, one after the other. */
export async function openStandIn(): Promise<Stage> {
  const { fakeOllama } = await import('../testing/fake-ollama.ts')
  const server = await fakeOllama({ models: ['llama3.2'] })
  server.reply({ text: SCRIPT, recordDelayMs: WORD_MS })
  return {
    standIn: true,
    server:
      `groat's own stand-in for Ollama, at ${server.url}: real HTTP, only its words are scripted. ` +
      `All else is groat at work.`,
    model: 'llama3.2',
    modelFacts: 'played by the stand-in',
    options: { baseUrl: server.url },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}
