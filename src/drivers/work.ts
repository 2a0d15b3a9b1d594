import type { Progress, QueryOptions } from '../core/driver.ts'
import { AIError } from '../core/errors.ts'
import type { Runtime } from '../runtime.ts'
import { NdjsonDecoder } from '../transport/ndjson.ts'
import { retryDelayMs, wait } from '../transport/retry.ts'
import type { Exchange } from '../transport/transport.ts'
import type { ApiClient } from './api-client.ts'

/** How often work is taken up again at most after a failure, without a byte of progress in between. */
export const WORK_RESUMES_MAX = 5
/** Longest silence in the middle of work, in milliseconds: large files are checked without a word. */
export const WORK_IDLE_MS_MAX = 3_600_000

/** What a record says of the work: how far one layer of it is, that all is done, or what went wrong. */
export interface WorkStep {
  readonly status?: string
  readonly digest?: string | undefined
  readonly completed?: number | undefined
  readonly total?: number | undefined
  readonly done?: boolean
  /** Text of an error that the record carried: the work ends here. */
  readonly failure?: string
}

/** A long piece of work that a server does and tells of in NDJSON. */
export interface Work {
  readonly client: ApiClient
  readonly runtime: Pick<Runtime, 'clock' | 'random'>
  readonly path: string
  readonly model: string
  readonly body: Readonly<Record<string, unknown>>
  readonly options: QueryOptions
  readonly total: ProgressTotal
  /** What a record says. */
  read(record: unknown): WorkStep
  /** Whether the same request goes on where this failure stopped it. */
  resumes(error: AIError): boolean
}

/**
 * Does work to its end, and takes it up again after a failure that passes. Leaving the iteration closes the connection,
 * as `options.signal` does.
 *
 * @throws AIError of the server; `stream_interrupted` where it stops without a word of success
 */
export async function* doWork(work: Work): AsyncGenerator<Progress, void> {
  const { options, runtime, total } = work
  const { clock, random } = runtime
  const { timeoutMs, signal } = options
  const dueMs = timeoutMs === undefined ? Number.POSITIVE_INFINITY : clock.elapsed() + timeoutMs
  const leftMs = (): number | undefined => (timeoutMs === undefined ? undefined : dueMs - clock.elapsed())
  let reached = 0
  let retriesDone = 0
  for (;;) {
    try {
      yield* workOnce(work, leftMs())
      return
    } catch (error) {
      if (!(error instanceof AIError) || !work.resumes(error)) throw error
      if (total.completed > reached) retriesDone = 0
      reached = total.completed
      const delayMs = retryDelayMs({ error, retriesDone, retriesMax: WORK_RESUMES_MAX, random })
      if (delayMs === undefined || clock.elapsed() + delayMs >= dueMs) throw error
      retriesDone++
      await wait(clock, delayMs, signal)
    }
  }
}

async function* workOnce(work: Work, timeoutMs: number | undefined): AsyncGenerator<Progress, void> {
  const { client, path, model, body, options, total } = work
  const { signal } = options
  const exchange = await client.send(path, { body, model, signal, timeoutMs, idleMs: WORK_IDLE_MS_MAX })
  const records = recordsOf(exchange)
  let done = false
  try {
    // It is read to its end also after the word of success: then the server has put everything in order.
    for (;;) {
      const next = await client.named(records.next(), model)
      if (next.done) break
      if (done) continue
      const step = work.read(next.value)
      if (step.failure !== undefined) {
        throw client.toError({ model, status: undefined, text: step.failure, headers: {}, path }, body)
      }
      done = step.done ?? false
      yield total.add(step)
    }
  } finally {
    await records.return()
  }
  if (!done) throw cutShort(client.provider, model)
}

function cutShort(provider: string, model: string): AIError {
  return new AIError({
    code: 'stream_interrupted',
    message: `The work on ${provider}/${model} ended without a word of success: start it again; a pull goes on where it was`,
    provider,
    model,
  })
}

/** The records of an answer, for a reader that asks for them one by one; leaving closes the connection. */
async function* recordsOf(exchange: Exchange): AsyncGenerator<unknown, void> {
  const decoder = new NdjsonDecoder()
  let arrived = Promise.withResolvers<void>()
  let wanted = Promise.withResolvers<void>()
  let batch: unknown[] = []
  let ended: { readonly error?: unknown } | undefined
  const end = (how: { readonly error?: unknown }): void => {
    ended = how
    arrived.resolve()
  }
  const take = (records: readonly unknown[]): Promise<void> | undefined => {
    if (records.length === 0) return undefined
    batch.push(...records)
    arrived.resolve()
    return wanted.promise
  }
  exchange
    .consume((piece) => take(decoder.push(piece)))
    .then(() => void take(decoder.end()))
    .then(
      () => end({}),
      (error: unknown) => end({ error }),
    )
  try {
    for (;;) {
      await arrived.promise
      arrived = Promise.withResolvers()
      const records = batch
      batch = []
      yield* records
      if (ended && batch.length === 0) break
      if (ended) arrived.resolve()
      wanted.resolve()
      wanted = Promise.withResolvers()
    }
    if (ended.error !== undefined) throw ended.error
  } finally {
    wanted.resolve()
    exchange.abort()
  }
}

interface Layer {
  completed: number
  total: number
}

/**
 * How far work over several layers is. Servers tell of one layer at a time, in any order, and a layer can fall back
 * when a part of it is fetched again (ollama/ollama#8280): the sum never does.
 */
export class ProgressTotal {
  readonly #layers = new Map<string, Layer>()
  #completed = 0
  #total = 0

  /** Bytes over all layers; never less than before. */
  get completed(): number {
    return this.#completed
  }

  /** Takes in what was told of one layer. */
  add({ status = '', digest, completed = 0, total = 0 }: WorkStep): Progress {
    const sum = (): Progress => ({ status, completed: this.#completed, total: this.#total })
    if (digest === undefined) return sum()
    const layer = this.#layers.get(digest) ?? { completed: 0, total: 0 }
    this.#layers.set(digest, layer)
    const whole = Math.max(layer.total, total, completed)
    const most = Math.max(layer.completed, completed)
    this.#total += whole - layer.total
    this.#completed += most - layer.completed
    layer.total = whole
    layer.completed = most
    return { ...sum(), digest, layer: { completed, total: whole } }
  }
}
