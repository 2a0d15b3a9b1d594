import type { RunningModel } from '../core/driver.ts'
import type { Warning } from '../core/warning.ts'

/** Most models of which something is remembered. */
const MODELS_MAX = 1_000
/** How often a model is looked at with one load profile: it may have left the memory each time. */
const LOOKS_MAX = 3

/** Settings that a model is loaded with: a request that changes one has it loaded anew. */
export interface LoadProfile {
  /** Tokens that the model takes in, as it was asked for; undefined is the server's own choice. */
  readonly window: number | undefined
  /** The other settings, by the names that callers set them with. */
  readonly others: Readonly<Record<string, unknown>>
}

/** What is remembered of a model between calls: plain data that the rooms read and make anew, and the base class keeps. */
export interface ModelMemory {
  /** As last sent; undefined before the first call. */
  readonly load?: LoadProfile | undefined
  /** Tokens that the model takes in as it runs with `load`, as the server says; undefined until it was asked. */
  readonly window?: number | undefined
  /** The same where the choice was the server's own. */
  readonly ownWindow?: number | undefined
  /** Bytes of text for one token of this model; undefined until an answer has told. */
  readonly bytesPerToken?: number | undefined
  /** The last answer: with which profile, and how long the model stays loaded after it, on the monotonic clock. */
  readonly answered?: { readonly load: LoadProfile; readonly warmUntilMs: number } | undefined
  /** How often the server was asked how it runs with `load`. */
  readonly looks?: number
  /** The server has said that the model cannot think. */
  readonly refusesReasoning?: boolean
  /** The server has said that it sums up no thoughts for this account. */
  readonly refusesSummary?: boolean
  /** The server has said that the model takes tools over another of its APIs only. */
  readonly refusesTools?: boolean
  /** The server has said that the model cannot go on with an answer while it thinks. */
  readonly refusesPrefill?: boolean
  /** Codes of warnings that are given once for a model. */
  readonly told?: ReadonlySet<string>
}

/** Nothing is remembered. */
export const NOTHING_REMEMBERED: ModelMemory = Object.freeze({})

/** What was learned of a model, and what the caller should know of it. */
export interface Learned {
  readonly memory: ModelMemory
  readonly warnings: readonly Warning[]
}

/** The memories of all models of a driver; two spellings of a model share one. */
export class ModelMemories {
  readonly #normalize: (id: string) => string
  readonly #entries = new Map<string, { memory: ModelMemory }>()

  constructor(normalize: (id: string) => string = (id) => id) {
    this.#normalize = normalize
  }

  /** What is remembered of a model now. */
  of(id: string): ModelMemory {
    return (
      this.#entries.get(id)?.memory ?? this.#entries.get(this.#normalize(id))?.memory ?? NOTHING_REMEMBERED
    )
  }

  keep(id: string, memory: ModelMemory): void {
    let entry = this.#entries.get(id)
    if (!entry) {
      const name = this.#normalize(id)
      entry = this.#entries.get(name) ?? { memory }
      this.#add(name, entry)
      this.#add(id, entry)
    }
    entry.memory = memory
  }

  /** Forgets models: their weights or settings are no longer the same. */
  forget(isSame: (id: string) => boolean): void {
    for (const id of this.#entries.keys()) if (isSame(id)) this.#entries.delete(id)
  }

  #add(id: string, entry: { memory: ModelMemory }): void {
    if (this.#entries.size >= MODELS_MAX) this.#entries.delete(this.#entries.keys().next().value ?? id)
    this.#entries.set(id, entry)
  }
}

/** Whether the server is to be asked how the model runs: once it has answered, and before the next call. */
export function isWorthALook({ answered, window, looks = 0 }: ModelMemory): boolean {
  return answered !== undefined && window === undefined && looks < LOOKS_MAX
}

/** What the server says of a model that runs; undefined where it does not run. */
export function seen(memory: ModelMemory, running: RunningModel | undefined): Learned {
  if (!running) return { memory, warnings: [] }
  const { contextLength: window, size = 0, sizeVram = 0 } = running
  const isOwn = memory.load?.window === undefined
  const warnings = sizeVram > 0 && sizeVram < size ? [partlyOnGpu(running.id, size, sizeVram)] : []
  return { memory: { ...memory, window, ...(isOwn ? { ownWindow: window } : {}) }, warnings }
}

/** Adds a warning the first time that it is due for a model. */
export function tellOnce(memory: ModelMemory, warning: Warning, warnings: Warning[]): ModelMemory {
  if (memory.told?.has(warning.code)) return memory
  warnings.push(warning)
  return { ...memory, told: new Set([...(memory.told ?? []), warning.code]) }
}

function partlyOnGpu(model: string, size: number, sizeVram: number): Warning {
  const percent = Math.floor((sizeVram / size) * 100)
  return {
    code: 'partial-gpu',
    message:
      `Only ${percent} % of ${model} is on the graphics card, the rest runs slowly on the processor: use a smaller ` +
      'model or a smaller context window',
    details: { model, size, sizeVram },
  }
}
