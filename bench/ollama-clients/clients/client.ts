/** What the cases ask of every client alike; an adapter puts it in its library's own words. */
export interface Adapter {
  /** The npm package that the table names. */
  readonly name: string
  /** What is installed for it: the first is the client itself. */
  readonly packages: readonly string[]
  /** Whether it lets one put in a `fetch` of one's own, by its documentation or its types. */
  readonly takesFetch: boolean
  open(settings: Settings): Client
}

export interface Settings {
  /** `http://127.0.0.1:PORT`, without `/api`. */
  readonly baseUrl: string
  readonly fetch?: typeof globalThis.fetch
  /** For a client that takes its time from outside. */
  readonly clock?: Clock
}

/** groat's clock, as far as the cases need it. */
export interface Clock {
  now(): number
  elapsed(): number
  after(ms: number, callback: () => void): () => void
}

export interface Client {
  /** Whether it took the clock that it was given. */
  readonly clocked?: boolean
  /** Streams one answer; rejects with what the library throws or sends as its error. */
  ask(ask: Ask): Promise<Answer>
  close?(): Promise<void>
}

export interface Ask {
  readonly model: string
  readonly prompt: string
  /** Offers `WEATHER` to the model. */
  readonly withTool?: boolean
  readonly signal?: AbortSignal
  /** Every piece of text, as the caller of the library gets it. */
  readonly onText?: (text: string) => void
}

export interface Answer {
  readonly finish: string | undefined
  readonly toolCalls: readonly ToolCall[]
  /** What the library calls a warning. */
  readonly warnings: readonly string[]
  /** What the library says about money; undefined where it has no word for it. */
  readonly cost?: { readonly free: boolean; readonly said: string }
  /** Everything else that the library says about the answer, for the judge to look through. */
  readonly meta: unknown
}

export interface ToolCall {
  readonly id: string | undefined
  readonly name: string
  /** An object, or JSON text. */
  readonly input: unknown
}

/** The tool of the case with two calls. */
export const WEATHER = {
  name: 'get_weather',
  description: 'The weather in a city',
  schema: {
    type: 'object' as const,
    properties: { city: { type: 'string' as const } },
    required: ['city'],
  },
}
