import { createHash } from 'node:crypto'
import { NANOS } from './fake-ollama-chat.ts'
import {
  capabilitiesOf,
  embeddingLengthOf,
  type Catalogue,
  type FakeOllamaModel,
} from './fake-ollama-models.ts'
import {
  decodeBody,
  durationMs,
  optionFault,
  promptTokensOf,
  Refusal,
  refused,
  type Body,
} from './fake-ollama-request.ts'
import { asObject, jsonAnswer } from './fake-ollama-wire.ts'
import type { Answer, RecordedRequest } from './far-end.ts'

/** What the real server says of a model whose runner was not started for embeddings. */
const NO_EMBEDDINGS = 'This server does not support embeddings. Start it with `--embeddings`'

/** The answer to a `POST /api/embed`, or the refusal of the real server, in the order in which it looks. */
export function embedAnswer(request: RecordedRequest, catalogue: Catalogue): Answer {
  const body = decodeBody(request)
  if (body instanceof Refusal) return body.answer
  const { model: name = '', dimensions, truncate, keep_alive: keep } = body
  const texts = textsOf(body)
  if (texts === undefined) return refused(400, 'invalid input type').answer
  const model = typeof name === 'string' && name !== '' ? catalogue.find(name) : undefined
  if (!model) return refused(404, `model '${String(name)}' not found`).answer
  const keepAlive = durationMs(keep)
  if (typeof keepAlive === 'string') return refused(400, keepAlive).answer
  const fault = optionFault(body)
  if (fault) return fault.answer
  const given = asObject(body['options'])?.['num_ctx']
  const numCtx = typeof given === 'number' ? given : undefined
  const cold = catalogue.load(model, numCtx, keepAlive)
  if (keepAlive === 0) catalogue.unload(model)
  if (texts.length === 0) return jsonAnswer({ model: name, embeddings: [] })
  if (!capabilitiesOf(model).includes('embedding')) return refused(501, NO_EMBEDDINGS).answer
  const contextLength = catalogue.contextOf(model, numCtx)
  const counts = texts.map((text) => promptTokensOf([{ content: text }]))
  if (truncate === false && counts.some((count) => count > contextLength)) {
    return refused(400, 'the input length exceeds the context length').answer
  }
  const tokens = counts.reduce((sum, count) => sum + Math.min(count, contextLength), 0)
  const load = cold ? NANOS.coldLoad : NANOS.warmLoad
  return jsonAnswer({
    model: name,
    embeddings: texts.map((text) => vectorOf(model, text, dimensions)),
    total_duration: load + tokens * NANOS.prompt,
    load_duration: load,
    prompt_eval_count: tokens,
  })
}

/** The texts of a request; undefined where `input` is something else. */
function textsOf({ input }: Body): string[] | undefined {
  if (input === undefined || input === null || input === '') return []
  if (typeof input === 'string') return [input]
  if (!Array.isArray(input)) return undefined
  return input.every((text) => typeof text === 'string') ? input : undefined
}

const HASH_BYTES = 32

/** A vector of length 1, made of a text's bytes: the same text has the same one, in every run. */
function vectorOf(model: FakeOllamaModel, text: string, dimensions: unknown): number[] {
  const whole = embeddingLengthOf(model)
  const values: number[] = []
  for (let block = 0; block * HASH_BYTES < whole; block++) {
    const hash = createHash('sha256').update(`${block}\n${text}`).digest()
    for (const byte of hash) values.push(byte - 127.5)
  }
  const asked = typeof dimensions === 'number' && dimensions > 0 ? Math.min(dimensions, whole) : whole
  const kept = values.slice(0, asked)
  const length = Math.hypot(...kept)
  return kept.map((value) => float32(value / length))
}

/** The number that Go prints for a 32-bit float: the shortest one that is still the same float. */
function float32(value: number): number {
  const wanted = Math.fround(value)
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(wanted.toPrecision(digits))
    if (Math.fround(short) === wanted) return short
  }
  return Number(wanted.toPrecision(9))
}
