import { createHash } from 'node:crypto'
import type { Clock } from '../runtime.ts'
import { goTime } from './fake-ollama-wire.ts'

/** A model that the stand-in has. Only the name is needed. */
export interface FakeOllamaModel {
  /** With or without a tag; `llama3.2` is `llama3.2:latest`. */
  readonly name: string
  /** @default ['completion', 'tools'] */
  readonly capabilities?: readonly string[]
  /** What it was trained for: `<family>.context_length`. @default 131072 */
  readonly contextLength?: number
  /** What it runs with where a request has no `num_ctx`, in tokens. @default 4096, or the trained length if less */
  readonly runningContext?: number
  /** Also the length of the vectors that it makes. @default 3072, or 8 where it only embeds */
  readonly embeddingLength?: number
  /** The architecture. @default 'llama' */
  readonly family?: string
  /** @default '3.2B' */
  readonly parameterSize?: string
  /** @default 3212749888 */
  readonly parameterCount?: number
  /** @default 'Q4_K_M' */
  readonly quantization?: string
  /** In bytes. @default 2019393189, or 384 for a cloud stub */
  readonly size?: number
  /** Bytes of it on graphics cards when it is loaded. @default all */
  readonly sizeVram?: number
  /** 64 hex digits; the same digest is the same model. @default made of the name */
  readonly digest?: string
  readonly modifiedAt?: string
  /** Makes it a cloud stub: the model's name there. */
  readonly remoteModel?: string
  /** Makes it a cloud stub: the host that really answers, `https://ollama.com:443`. */
  readonly remoteHost?: string
  /**
   * Which way its prompts take, which decides where tool calls stand: `rendered` (Ollama's own templates) sends each
   * in a record of its own, `native` (llama-server's) all on the last record. @default 'rendered'
   */
  readonly route?: 'rendered' | 'native'
  /** Whether it is in memory from the start. @default false */
  readonly loaded?: boolean
}

interface Running {
  readonly model: FakeOllamaModel
  readonly contextLength: number
  readonly expiresAtMs: number
}

const CONTEXT_LENGTH = 131_072
const RUNNING_CONTEXT = 4_096
const EMBEDDING_LENGTH = 3_072
/** Of models that only embed: small, so that a test can print a vector. */
const SMALL_EMBEDDING_LENGTH = 8
const PARAMETERS = 3_212_749_888
const SIZE_BYTES = 2_019_393_189
const STUB_SIZE_BYTES = 384
/** How long a model stays after its last use, in milliseconds. */
export const KEEP_ALIVE_MS = 300_000
/** What Go makes of "forever": the longest duration it can hold, about 292 years. */
const FOREVER_MS = 9_223_372_036_854

/** The part of a name that stands for itself: no default host, no `library/`, lower case, always with a tag. */
export function normalName(name: string): string {
  const short = name
    .toLowerCase()
    .replace(/^https?:\/\//, '')
    .replace(/^registry\.ollama\.ai\//, '')
    .replace(/^library\//, '')
  return short.slice(short.lastIndexOf('/') + 1).includes(':') ? short : `${short}:latest`
}

/** The longest form of a name, as some error texts have it. */
export function canonicalName(name: string): string {
  const normal = normalName(name)
  const slashes = normal.split('/').length - 1
  return slashes === 0
    ? `registry.ollama.ai/library/${normal}`
    : slashes === 1
      ? `registry.ollama.ai/${normal}`
      : normal
}

/** What a model can do. */
export function capabilitiesOf(model: FakeOllamaModel): readonly string[] {
  return model.capabilities ?? ['completion', 'tools']
}

/** How long the vectors of a model are. */
export function embeddingLengthOf(model: FakeOllamaModel): number {
  const onlyEmbeds = !capabilitiesOf(model).includes('completion')
  return model.embeddingLength ?? (onlyEmbeds ? SMALL_EMBEDDING_LENGTH : EMBEDDING_LENGTH)
}

/** Bytes on disk. */
export function sizeOf(model: FakeOllamaModel): number {
  return model.size ?? (model.remoteHost === undefined ? SIZE_BYTES : STUB_SIZE_BYTES)
}

/** The models that a stand-in has, and those in memory. */
export class Catalogue {
  readonly #models = new Map<string, FakeOllamaModel>()
  readonly #running = new Map<string, Running>()
  readonly #clock: Clock

  constructor(models: readonly (string | FakeOllamaModel)[], clock: Clock) {
    this.#clock = clock
    for (const model of models) this.add(typeof model === 'string' ? { name: model } : model)
  }

  add(model: FakeOllamaModel): void {
    this.#models.set(normalName(model.name), model)
    if (model.loaded) this.load(model, undefined, undefined)
  }

  remove(name: string): boolean {
    return this.#models.delete(normalName(name))
  }

  find(name: string): FakeOllamaModel | undefined {
    return this.#models.get(normalName(name))
  }

  /** The context that a model runs with when asked for `numCtx`. */
  contextOf(model: FakeOllamaModel, numCtx: number | undefined): number {
    const trained = model.contextLength ?? CONTEXT_LENGTH
    return Math.min(numCtx ?? model.runningContext ?? RUNNING_CONTEXT, trained)
  }

  /** Brings a model into memory for a time; tells whether that took a load, as another context does too. */
  load(model: FakeOllamaModel, numCtx: number | undefined, keepAliveMs: number = KEEP_ALIVE_MS): boolean {
    if (model.remoteHost !== undefined) return false
    this.#expire()
    const contextLength = this.contextOf(model, numCtx)
    const name = normalName(model.name)
    const warm = this.#running.get(name)?.contextLength === contextLength
    const expiresAtMs = this.#clock.now() + (keepAliveMs < 0 ? FOREVER_MS : keepAliveMs)
    this.#running.set(name, { model, contextLength, expiresAtMs })
    return !warm
  }

  unload(model: FakeOllamaModel): void {
    this.#running.delete(normalName(model.name))
  }

  /** The body of `GET /api/tags`. */
  tags(): unknown {
    const models = [...this.#models.values()].map((model, index) => ({
      ...this.#entry(model),
      modified_at: modifiedAt(model, index),
      size: sizeOf(model),
      digest: digestOf(model),
      details: {
        ...detailsOf(model),
        context_length: model.contextLength ?? CONTEXT_LENGTH,
        embedding_length: embeddingLengthOf(model),
      },
      capabilities: capabilitiesOf(model),
    }))
    return { models: models.toSorted((a, b) => (a.modified_at < b.modified_at ? 1 : -1)) }
  }

  /** The body of `GET /api/ps`. */
  ps(): unknown {
    this.#expire()
    const running = [...this.#running.values()].toSorted((a, b) => b.expiresAtMs - a.expiresAtMs)
    const models = running.map(({ model, contextLength, expiresAtMs }) => ({
      ...this.#entry(model),
      size: sizeOf(model),
      digest: digestOf(model),
      details: detailsOf(model),
      expires_at: goTime(expiresAtMs),
      size_vram: model.sizeVram ?? sizeOf(model),
      context_length: contextLength,
    }))
    return { models }
  }

  /** The body of `POST /api/show`. */
  show(model: FakeOllamaModel): unknown {
    const name = normalName(model.name)
    const remote = model.remoteHost !== undefined
    return {
      modelfile: `# Modelfile generated by "ollama show"\n# To build a new Modelfile based on this, replace FROM with:\n# FROM ${name}\n\nFROM /models/blobs/sha256-${digestOf(model)}\nTEMPLATE {{ .Prompt }}\n`,
      ...(model.runningContext !== undefined && {
        parameters: `${'num_ctx'.padEnd(30)} ${model.runningContext}`,
      }),
      template: '{{ .Prompt }}',
      details: detailsOf(model),
      ...(model.remoteModel !== undefined && { remote_model: model.remoteModel }),
      ...(remote && { remote_host: model.remoteHost }),
      model_info: remote ? remoteInfo(model) : modelInfo(model),
      ...(!remote && {
        tensors: [{ name: 'token_embd.weight', type: 'F16', shape: [embeddingLengthOf(model), 257] }],
      }),
      capabilities: capabilitiesOf(model),
      modified_at: modifiedAt(model, [...this.#models.keys()].indexOf(name)),
    }
  }

  #entry(model: FakeOllamaModel): Record<string, unknown> {
    const name = normalName(model.name)
    return {
      name,
      model: name,
      ...(model.remoteModel !== undefined && { remote_model: model.remoteModel }),
      ...(model.remoteHost !== undefined && { remote_host: model.remoteHost }),
    }
  }

  #expire(): void {
    const now = this.#clock.now()
    for (const [name, { expiresAtMs }] of this.#running) if (expiresAtMs <= now) this.#running.delete(name)
  }
}

/** A fixed date, a minute older for each model, so that the order of `tags` is the order in which they were given. */
function modifiedAt(model: FakeOllamaModel, index: number): string {
  return model.modifiedAt ?? goTime(Date.UTC(2026, 8, 1, 12, 0, 0, 123) - index * 60_000, 456_789)
}

/** What a model's content is known by: the same digest is the same model. */
export function digestOf(model: FakeOllamaModel): string {
  return model.digest ?? createHash('sha256').update(normalName(model.name)).digest('hex')
}

function detailsOf(model: FakeOllamaModel): Record<string, unknown> {
  const remote = model.remoteHost !== undefined
  const family = model.family ?? (remote ? '' : 'llama')
  return {
    parent_model: '',
    format: remote ? '' : 'gguf',
    family,
    families: family === '' ? null : [family],
    parameter_size: model.parameterSize ?? (remote ? '' : '3.2B'),
    quantization_level: model.quantization ?? (remote ? '' : 'Q4_K_M'),
  }
}

function remoteInfo(model: FakeOllamaModel): Record<string, unknown> {
  const family = model.family ?? 'llama'
  return {
    'general.architecture': family,
    [`${family}.context_length`]: model.contextLength ?? CONTEXT_LENGTH,
    [`${family}.embedding_length`]: embeddingLengthOf(model),
  }
}

function modelInfo(model: FakeOllamaModel): Record<string, unknown> {
  const family = model.family ?? 'llama'
  return {
    'general.architecture': family,
    'general.file_type': 15,
    'general.parameter_count': model.parameterCount ?? PARAMETERS,
    'general.quantization_version': 2,
    'general.type': 'model',
    [`${family}.attention.head_count`]: 24,
    [`${family}.attention.head_count_kv`]: 8,
    [`${family}.attention.key_length`]: 128,
    [`${family}.attention.layer_norm_rms_epsilon`]: 0.00001,
    [`${family}.attention.value_length`]: 128,
    [`${family}.block_count`]: 28,
    [`${family}.context_length`]: model.contextLength ?? CONTEXT_LENGTH,
    [`${family}.embedding_length`]: embeddingLengthOf(model),
    [`${family}.feed_forward_length`]: 8192,
    [`${family}.rope.dimension_count`]: 128,
    [`${family}.rope.freq_base`]: 500000,
    [`${family}.vocab_size`]: 128256,
    'tokenizer.ggml.add_bos_token': false,
    'tokenizer.ggml.add_eos_token': false,
    'tokenizer.ggml.bos_token_id': 128000,
    'tokenizer.ggml.eos_token_id': 128009,
    'tokenizer.ggml.merges': null,
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.padding_token_id': 128004,
    'tokenizer.ggml.pre': 'llama-bpe',
    'tokenizer.ggml.token_type': null,
    'tokenizer.ggml.tokens': null,
  }
}
