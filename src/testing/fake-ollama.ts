import { systemClock, type Clock } from '../runtime.ts'
import {
  delivered,
  startFarEnd,
  type Answer,
  type FarEnd,
  type FarEndOptions,
  type RecordedRequest,
} from './far-end.ts'
import {
  defaultReply,
  exactAnswer,
  loadAnswer,
  modelAnswer,
  type OllamaReply,
  type Stamps,
} from './fake-ollama-chat.ts'
import { embedAnswer } from './fake-ollama-embed.ts'
import {
  blobAnswer,
  copyAnswer,
  createAnswer,
  deleteAnswer,
  pullAnswer,
  pushAnswer,
  type Warehouse,
} from './fake-ollama-manage.ts'
import { Catalogue, normalName, type FakeOllamaModel } from './fake-ollama-models.ts'
import { decodeBody, decodeChat, Refusal } from './fake-ollama-request.ts'
import { errorAnswer, goTime, jsonAnswer, TYPES, wholeAnswer } from './fake-ollama-wire.ts'

export type { FakeOllamaToolCall, OllamaReply } from './fake-ollama-chat.ts'
export type { FakeOllamaModel } from './fake-ollama-models.ts'

/** Settings of a stand-in for Ollama. */
export interface FakeOllamaOptions extends FarEndOptions {
  /** Names, or more. @default one `llama3.2` that can complete and call tools */
  readonly models?: readonly (string | FakeOllamaModel)[]
  /** What can be pulled beside the models that are there. @default nothing */
  readonly registry?: readonly (string | FakeOllamaModel)[]
  /** @default '0.33.0' */
  readonly version?: string
}

/**
 * A stand-in for an Ollama server: real HTTP on loopback, the native protocol, answers that a test scripts.
 *
 * Counts can be worked out by hand. `prompt_eval_count` is one for every message and one for every word of its
 * content. `eval_count` is one for every record of text or thinking, one for every tool call, and one for the end,
 * which an answer cut off by `num_predict` has not. The text of a reply is sent in words. For an embedding it is one for
 * every text and one for every word of it, and the same text always gives the same vector, of length 1.
 */
export interface FakeOllama extends FarEnd<string | OllamaReply> {
  /** The models that it has. */
  readonly models: { add(model: FakeOllamaModel): void; remove(name: string): boolean }
}

const VERSION = '0.33.0'
const CALL_ID_LENGTH = { rendered: 8, native: 32 } as const

/** Starts a stand-in for an Ollama server on a free port. */
export async function fakeOllama(options: FakeOllamaOptions = {}): Promise<FakeOllama> {
  const clock = options.clock ?? systemClock
  const catalogue = new Catalogue(options.models ?? ['llama3.2'], clock)
  const registry = (options.registry ?? []).map((one) => (typeof one === 'string' ? { name: one } : one))
  const world: World = {
    catalogue,
    registry,
    blobs: new Set(),
    version: options.version ?? VERSION,
    stamps: new Counter(clock),
  }
  const farEnd = await startFarEnd<string | OllamaReply>(
    {
      mainPath: '/api/chat',
      speak: async (request, take) => {
        const taken = await take()
        const reply = typeof taken?.reply === 'string' ? { text: taken.reply } : taken?.reply
        const exact = reply && exactAnswer(reply)
        if (exact) return exact
        let used = false
        const answer = routed(world, request, () => {
          used = true
          return reply
        })
        // The model had nothing to say to this one: the reply waits for a request that it answers.
        if (!used) taken?.putBack()
        return answer
      },
    },
    options,
  )
  return Object.assign(farEnd, { models: catalogue })
}

interface World extends Warehouse {
  readonly version: string
  readonly stamps: Stamps
}

/** Fetches what the test wants the model to say, where it gets to say something. */
type Saying = () => OllamaReply | undefined

type Route = (world: World, request: RecordedRequest, saying: Saying) => Answer

/** The path of a file, without its digest. */
const BLOBS = '/api/blobs/'

/** What the server answers by itself, by path and method. */
const ROUTES: Readonly<Record<string, Readonly<Record<string, Route>>>> = {
  '/': forReading(() => wholeAnswer(200, TYPES.text, 'Ollama is running')),
  '/api/version': forReading(({ version }) => jsonAnswer({ version })),
  '/api/tags': forReading(({ catalogue }) => jsonAnswer(catalogue.tags())),
  '/api/ps': { GET: ({ catalogue }) => jsonAnswer(catalogue.ps()) },
  '/api/show': { POST: show },
  '/api/chat': { POST: chat },
  '/api/embed': {
    POST: ({ catalogue }, request, saying) => delivered(embedAnswer(request, catalogue), saying() ?? {}),
  },
  '/api/pull': { POST: (world, request, saying) => pullAnswer(request, world, saying) },
  '/api/push': { POST: (world, request, saying) => pushAnswer(request, world, saying) },
  '/api/create': { POST: (world, request, saying) => createAnswer(request, world, saying) },
  '/api/copy': { POST: (world, request) => copyAnswer(request, world) },
  [BLOBS]: forUploading((world, request) => blobAnswer(request, world)),
  '/api/delete': { DELETE: (world, request) => deleteAnswer(request, world) },
}

function forReading(route: Route): Readonly<Record<string, Route>> {
  return { GET: route, HEAD: route }
}

function forUploading(route: Route): Readonly<Record<string, Route>> {
  return { HEAD: route, POST: route }
}

function routed(world: World, request: RecordedRequest, saying: Saying): Answer {
  const { path } = request
  const methods = ROUTES[path.startsWith(BLOBS) && path !== BLOBS ? BLOBS : path]
  if (!methods) return wholeAnswer(404, TYPES.router, '404 page not found')
  const answer = methods[request.method]?.(world, request, saying)
  return answer ?? wholeAnswer(405, TYPES.router, '405 method not allowed')
}

function show({ catalogue }: World, request: RecordedRequest): Answer {
  const body = decodeBody(request)
  if (body instanceof Refusal) return body.answer
  const name = body['model'] ?? body['name']
  if (typeof name !== 'string' || name === '') return errorAnswer(400, 'model is required')
  const model = catalogue.find(name)
  // Unlike chat, it names the model with its tag.
  return model ? jsonAnswer(catalogue.show(model)) : errorAnswer(404, `model '${normalName(name)}' not found`)
}

function chat({ catalogue, stamps }: World, request: RecordedRequest, saying: Saying): Answer {
  const ask = decodeChat(request, catalogue)
  if (ask instanceof Refusal) return ask.answer
  if (ask.kind === 'unload') catalogue.unload(ask.model)
  const cold = ask.kind !== 'unload' && catalogue.load(ask.model, ask.numCtx, ask.keepAliveMs)
  if (ask.kind !== 'chat') return loadAnswer(ask, stamps)
  return modelAnswer(ask, saying() ?? defaultReply(ask), cold, stamps)
}

/** Times and ids: all different, the same in every run but for the clock. */
class Counter implements Stamps {
  readonly #clock: Clock
  #records = 0
  #calls = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  createdAt(): string {
    return goTime(this.#clock.now(), ++this.#records)
  }

  callId(route: 'rendered' | 'native'): string {
    const digits = (++this.#calls).toString(36).padStart(CALL_ID_LENGTH[route], '0')
    return route === 'rendered' ? `call_${digits}` : digits
  }
}
