import {
  delivered,
  startFarEnd,
  type Answer,
  type Delivery,
  type FarEnd,
  type FarEndOptions,
} from './far-end.ts'

/** What the stand-in answers: an answer of the model, or an error with a status. */
export interface AcmeReply extends Delivery {
  /** The answer, cut into the pieces that it is sent in. */
  readonly chunks?: readonly string[]
  readonly calls?: readonly { readonly name: string; readonly arguments: Readonly<Record<string, unknown>> }[]
  /** @default 'stop' */
  readonly end?: string
  /** @default one token for the prompt and one for each chunk; `null` tells none */
  readonly usage?: { readonly input: number; readonly output: number } | null
  readonly status?: number
  readonly error?: string
  /** A whole body. */
  readonly body?: unknown
}

/** A stand-in for Acme: real HTTP on loopback, answers that a test scripts. */
export type FakeAcme = FarEnd<string | AcmeReply>

const MODELS = [
  { id: 'acme-1', contextLength: 128_000 },
  { id: 'acme-embed', contextLength: 8_192, embeds: true },
]

/** Starts a stand-in for Acme on a free port. */
export async function fakeAcme(options: FarEndOptions = {}): Promise<FakeAcme> {
  return startFarEnd<string | AcmeReply>(
    {
      mainPath: '/chat',
      speak: async ({ method, path, body }, take) => {
        const reply = (await take())?.reply ?? 'This is Acme.'
        const given: AcmeReply = typeof reply === 'string' ? { chunks: [reply] } : reply
        if (given.status !== undefined)
          return delivered(json({ error: given.error ?? 'no' }, given.status), given)
        if (given.body !== undefined) return delivered(json(given.body), given)
        if (method === 'GET') return models(path)
        const asked = body as { model: string; stream?: boolean; texts?: readonly string[] }
        if (path === '/embed') return json({ vectors: (asked.texts ?? []).map((text) => [text.length, 1]) })
        if (path !== '/chat') return json({ error: 'no such path' }, 404)
        const records = recordsOf(asked.model, given)
        return delivered(asked.stream === true ? lines(records) : json({ records }), given)
      },
    },
    options,
  )
}

function models(path: string): Answer {
  if (path === '/models') return json({ models: MODELS })
  const model = MODELS.find(({ id }) => path === `/models/${id}`)
  return model ? json(model) : json({ error: 'no such model' }, 404)
}

function recordsOf(
  model: string,
  { chunks = [], calls = [], end = 'stop', usage }: AcmeReply,
): readonly object[] {
  const counted = usage === undefined ? { input: 1, output: chunks.length } : usage
  return [
    ...chunks.map((text) => ({ model, text })),
    ...calls.map((call, index) => ({ model, call: { id: `call_${index}`, ...call } })),
    { model, end, ...(counted === null ? {} : { usage: counted }) },
  ]
}

function json(value: unknown, status: number = 200): Answer {
  return { status, headers: { 'Content-Type': 'application/json' }, records: [JSON.stringify(value)] }
}

function lines(records: readonly object[]): Answer {
  return {
    headers: { 'Content-Type': 'application/x-ndjson' },
    framing: 'chunked',
    records: records.map((record) => `${JSON.stringify(record)}\n`),
  }
}
