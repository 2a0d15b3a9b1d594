// A model of a few hundred kilobytes that says what a test wants. It is a chain: every token has one successor, and
// the last token of the prompt decides which text is said. How a real server is made to do that: all weights of its one
// block are zero, so that what comes out is what went in, and the output matrix turns it into the successor.

import { BYTE_ALPHABET, BYTES, tokensOf, type Reply, type Script, type Token } from './tiny-tokens.ts'

/** GGUF's own numbers for types of values (ggml-org/ggml docs/gguf.md). */
const UINT32 = 4
const INT32 = 5
const FLOAT32 = 6
const BOOL = 7
const STRING = 8
const ARRAY = 9
const ALIGNMENT = 32

/** Collects bytes, little-endian. */
class Writer {
  readonly #parts: Buffer[] = []
  size = 0

  bytes(part: Buffer): this {
    this.#parts.push(part)
    this.size += part.length
    return this
  }

  u32(value: number): this {
    const part = Buffer.alloc(4)
    part.writeUInt32LE(value)
    return this.bytes(part)
  }

  u64(value: number): this {
    const part = Buffer.alloc(8)
    part.writeBigUInt64LE(BigInt(value))
    return this.bytes(part)
  }

  text(value: string): this {
    const part = Buffer.from(value)
    return this.u64(part.length).bytes(part)
  }

  pad(): this {
    const missing = (ALIGNMENT - (this.size % ALIGNMENT)) % ALIGNMENT
    return this.bytes(Buffer.alloc(missing))
  }

  done(): Buffer {
    return Buffer.concat(this.#parts)
  }
}

type Value =
  | { readonly type: typeof UINT32 | typeof INT32 | typeof FLOAT32; readonly value: number }
  | { readonly type: typeof BOOL; readonly value: boolean }
  | { readonly type: typeof STRING; readonly value: string }
  | {
      readonly type: typeof ARRAY
      readonly of: typeof INT32 | typeof STRING
      readonly values: readonly (number | string)[]
    }

function writeScalar(out: Writer, type: number, value: number | string | boolean): void {
  if (typeof value === 'string') out.text(value)
  else if (typeof value === 'boolean') out.bytes(Buffer.from([value ? 1 : 0]))
  else if (type === FLOAT32) {
    const part = Buffer.alloc(4)
    part.writeFloatLE(value)
    out.bytes(part)
  } else out.u32(value)
}

function writeValue(out: Writer, name: string, value: Value): void {
  out.text(name).u32(value.type)
  if (value.type !== ARRAY) {
    writeScalar(out, value.type, value.value)
    return
  }
  out.u32(value.of).u64(value.values.length)
  for (const one of value.values) writeScalar(out, value.of, one)
}

const uint = (value: number): Value => ({ type: UINT32, value })
const float = (value: number): Value => ({ type: FLOAT32, value })
const bool = (value: boolean): Value => ({ type: BOOL, value })
const string = (value: string): Value => ({ type: STRING, value })

const HEAD_SIZE = 64
const FEED_FORWARD = 32
const EPSILON = 1e-5
/** What the successor gets: far above everything else at any temperature. */
const SUCCESSOR_LOGIT = 8_192

/** The mean of all tokens (llama.cpp llama_pooling_type). */
const POOLING_MEAN = 1

function metadataOf(
  { name, contextLength = CONTEXT_LENGTH, chatTemplate, embeds = false }: TinyModel,
  tokens: readonly Token[],
  width: number,
): [string, Value][] {
  const heads = width / HEAD_SIZE
  const end = BYTES
  // A rule that never applies, since no UTF-8 has these two bytes; an empty list is not accepted everywhere.
  const merges = [`${BYTE_ALPHABET[0xff]} ${BYTE_ALPHABET[0xfe]}`]
  return [
    ['general.architecture', string('llama')],
    ['general.type', string('model')],
    ['general.name', string(name)],
    ['general.file_type', uint(0)],
    ['general.quantization_version', uint(2)],
    ['llama.vocab_size', uint(tokens.length)],
    ['llama.context_length', uint(contextLength)],
    ['llama.block_count', uint(1)],
    ['llama.embedding_length', uint(width)],
    ['llama.feed_forward_length', uint(FEED_FORWARD)],
    ['llama.attention.head_count', uint(heads)],
    ['llama.attention.head_count_kv', uint(heads)],
    ['llama.attention.key_length', uint(HEAD_SIZE)],
    ['llama.attention.value_length', uint(HEAD_SIZE)],
    ['llama.attention.layer_norm_rms_epsilon', float(EPSILON)],
    ['llama.rope.dimension_count', uint(HEAD_SIZE)],
    ['llama.rope.freq_base', float(10_000)],
    ...pairs(embeds && ['llama.pooling_type', uint(POOLING_MEAN)]),
    ['tokenizer.ggml.model', string('gpt2')],
    ['tokenizer.ggml.pre', string('qwen2')],
    ['tokenizer.ggml.tokens', { type: ARRAY, of: STRING, values: tokens.map(({ text }) => text) }],
    ['tokenizer.ggml.token_type', { type: ARRAY, of: INT32, values: tokens.map(({ type }) => type) }],
    ['tokenizer.ggml.merges', { type: ARRAY, of: STRING, values: merges }],
    ['tokenizer.ggml.bos_token_id', uint(end)],
    ['tokenizer.ggml.eos_token_id', uint(end)],
    ['tokenizer.ggml.padding_token_id', uint(end)],
    ['tokenizer.ggml.add_bos_token', bool(false)],
    ['tokenizer.ggml.add_eos_token', bool(false)],
    ...pairs(chatTemplate !== undefined && ['tokenizer.chat_template', string(chatTemplate)]),
  ]
}

function pairs(pair: [string, Value] | false): [string, Value][] {
  return pair ? [pair] : []
}

interface Tensor {
  readonly name: string
  /** The fastest first. */
  readonly shape: readonly number[]
  readonly data: Float32Array
}

function zeros(name: string, ...shape: readonly number[]): Tensor {
  return { name, shape, data: new Float32Array(shape.reduce((size, length) => size * length, 1)) }
}

/** A chain: what came last makes its successor. */
function chainOf(tokens: readonly Token[], columns: ReadonlyMap<number, number>, width: number): Tensor[] {
  const embedding = zeros('token_embd.weight', width, tokens.length)
  const output = zeros('output.weight', width, tokens.length)
  for (const [index, { next, preference }] of tokens.entries()) {
    // Column 0 is the same for all, so that every row has the same length.
    embedding.data[index * width] = 1
    embedding.data[index * width + (columns.get(next) ?? 0)] = 1
    output.data[index * width] = preference
    const own = columns.get(index)
    if (own !== undefined) output.data[index * width + own] = SUCCESSOR_LOGIT
  }
  // Undoes the scaling of the norm before it: of `width` numbers two are 1.
  const norm = zeros('output_norm.weight', width)
  norm.data.fill(Math.sqrt(2 / width + EPSILON))
  return [embedding, output, norm]
}

/** Fixed numbers for each token, which look like chance. */
function vectorsOf(tokens: readonly Token[], width: number): Tensor[] {
  const embedding = zeros('token_embd.weight', width, tokens.length)
  let seed = 12_345
  for (const index of embedding.data.keys()) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
    embedding.data[index] = ((seed >>> 8) % 2_048) / 1_024 - 1
  }
  const norm = zeros('output_norm.weight', width)
  norm.data.fill(1)
  return [embedding, zeros('output.weight', width, tokens.length), norm]
}

/** A block that adds nothing. */
function emptyBlock(width: number): Tensor[] {
  return [
    zeros('blk.0.attn_norm.weight', width),
    zeros('blk.0.ffn_norm.weight', width),
    zeros('blk.0.attn_q.weight', width, width),
    zeros('blk.0.attn_k.weight', width, width),
    zeros('blk.0.attn_v.weight', width, width),
    zeros('blk.0.attn_output.weight', width, width),
    zeros('blk.0.ffn_gate.weight', width, FEED_FORWARD),
    zeros('blk.0.ffn_up.weight', width, FEED_FORWARD),
    zeros('blk.0.ffn_down.weight', FEED_FORWARD, width),
  ]
}

const CONTEXT_LENGTH = 8_192

/** Options of a tiny model. */
export interface TinyModel {
  /** Another name is another file: a server runs one process for each. */
  readonly name: string
  readonly script: Script
  /** What is said to everything else. */
  readonly fallback?: Reply
  /** @default 8192 */
  readonly contextLength?: number
  /** In Jinja: a server that knows it makes prompts and reads answers by it. */
  readonly chatTemplate?: string
  /** Whether it makes vectors, and no answers. @default false */
  readonly embeds?: boolean
}

/**
 * The bytes of a GGUF file that answers by the script. A prompt costs one token for each byte of its UTF-8 and one for
 * each trigger; an answer costs one for each piece and one for its end.
 */
export function tinyGguf(model: TinyModel): Buffer {
  const tokens = tokensOf(model.script, model.fallback ?? { pieces: ['No script'] })
  const successors = new Set(tokens.map(({ next }) => next))
  const columns = new Map([...successors].map((token, index) => [token, index + 1]))
  const width = model.embeds ? HEAD_SIZE : Math.ceil((columns.size + 1) / HEAD_SIZE) * HEAD_SIZE
  const metadata = metadataOf(model, tokens, width)
  const own = model.embeds ? vectorsOf(tokens, width) : chainOf(tokens, columns, width)
  const tensors = [...own, ...emptyBlock(width)]
  const out = new Writer().bytes(Buffer.from('GGUF')).u32(3).u64(tensors.length).u64(metadata.length)
  for (const [key, value] of metadata) writeValue(out, key, value)
  let offset = 0
  for (const { name: tensor, shape, data } of tensors) {
    out.text(tensor).u32(shape.length)
    for (const length of shape) out.u64(length)
    // Type 0 is F32.
    out.u32(0).u64(offset)
    offset += Math.ceil(data.byteLength / ALIGNMENT) * ALIGNMENT
  }
  out.pad()
  for (const { data } of tensors) out.bytes(Buffer.from(data.buffer)).pad()
  return out.done()
}
