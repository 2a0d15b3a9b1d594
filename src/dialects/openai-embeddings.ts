import type { Embedded } from '../core/driver.ts'
import { isObject } from '../core/error-text.ts'
import { AIError } from '../core/errors.ts'
import type { EmbedRequest } from '../core/request.ts'
import { toUsage } from '../core/usage.ts'
import { isVector, type WireBody } from '../core/wire.ts'

/** Most texts in one request (openai.yaml, CreateEmbeddingRequest). */
export const EMBED_BATCH_MAX = 2_048

/**
 * The body of `POST /embeddings`. Vectors come as base64 of little-endian floats: a quarter of the bytes, and the same
 * numbers. Servers that do not know it send lists of numbers, which are read as well.
 */
export function toEmbedWire(
  { model, values, dimensions }: EmbedRequest,
  fields: Readonly<Record<string, unknown>> = {},
): WireBody {
  const body = {
    model,
    input: values,
    ...(dimensions === undefined ? {} : { dimensions }),
    encoding_format: 'base64',
    ...fields,
  }
  return { body, warnings: [] }
}

/** What an answer of `POST /embeddings` says, in the order of the texts. @throws AIError `response_invalid` */
export function fromEmbedWire(json: unknown, request: EmbedRequest): Omit<Embedded, 'warnings'> {
  const { data, model, usage } = isObject(json) ? json : {}
  if (!Array.isArray(data)) throw notVectors(request.model)
  const embeddings: (readonly number[])[] = []
  for (const [place, one] of (data as unknown[]).entries()) {
    const { index = place, embedding } = isObject(one) ? one : {}
    const vector = vectorOf(embedding)
    if (vector === undefined || !isPlace(index, data.length) || embeddings[index] !== undefined)
      throw notVectors(request.model)
    embeddings[index] = vector
  }
  const { prompt_tokens: inputTokens } = isObject(usage) ? usage : {}
  return {
    embeddings,
    // Of output there is none, and that is known.
    usage: toUsage({ inputTokens, outputTokens: 0, raw: usage }),
    model: typeof model === 'string' && model !== '' ? model : request.model,
  }
}

function isPlace(index: unknown, count: number): index is number {
  return Number.isSafeInteger(index) && (index as number) >= 0 && (index as number) < count
}

const FLOAT_BYTES = 4

function vectorOf(embedding: unknown): readonly number[] | undefined {
  const vector = typeof embedding === 'string' ? decoded(embedding) : embedding
  return isVector(vector) ? vector : undefined
}

function decoded(base64: string): readonly number[] | undefined {
  let bytes: string
  try {
    bytes = atob(base64)
  } catch {
    return undefined
  }
  if (bytes.length % FLOAT_BYTES !== 0) return undefined
  const view = new DataView(Uint8Array.from(bytes, (char) => char.charCodeAt(0)).buffer)
  return Array.from({ length: bytes.length / FLOAT_BYTES }, (_, at) =>
    view.getFloat32(at * FLOAT_BYTES, true),
  )
}

function notVectors(model: string): AIError {
  return new AIError({
    code: 'response_invalid',
    message:
      'The answer to /embeddings has no list of vectors, one for each text: check that baseUrl is right',
    model,
  })
}
