import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAI, type Client } from 'groat'

/** A way to call the stand-in, with everything that it needs loaded by its first call. */
export interface Caller {
  chat(): Promise<unknown>
  /** Calls `onEvent` for each piece of text and resolves at the end. */
  stream(mode: 'burst' | 'live', onEvent: () => void): Promise<void>
  close(): Promise<void>
}

const PROMPT = 'Hello. '.repeat(40)
const BODY = JSON.stringify({ model: 'stand-in', messages: [{ role: 'user', content: PROMPT }] })
const HEADERS = { 'content-type': 'application/json' }
const DEADLINES = { connectMs: 10_000, idleMs: 300_000 }

/** What everything is compared with: `fetch`, a line splitter and `JSON.parse`. */
async function bareFetch(origin: string): Promise<Caller> {
  const send = (path: string): Promise<Response> =>
    fetch(`${origin}${path}/api/chat`, { method: 'POST', headers: HEADERS, body: BODY })
  return {
    chat: async () => JSON.parse(await (await send('')).text()),
    stream: async (mode, onEvent) => {
      const response = await send(`/${mode}`)
      const decoder = new TextDecoder()
      let rest = ''
      for await (const piece of response.body ?? []) {
        const lines = (rest + decoder.decode(piece, { stream: true })).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) {
          JSON.parse(line)
          onEvent()
        }
      }
    },
    close: async () => {},
  }
}

/** groat's transport and line decoder alone: what the rest of the pipeline adds to. */
async function transport(origin: string, own?: typeof fetch): Promise<Caller> {
  const { systemRuntime } = await import('../dist/runtime.js')
  const { readJson } = await import('../dist/transport/body.js')
  const { NdjsonDecoder } = await import('../dist/transport/ndjson.js')
  const { createTransport } = await import('../dist/transport/index.js')
  const one = createTransport(systemRuntime, own ? { fetch: own } : {})
  const send = (path: string): ReturnType<typeof one.send> =>
    one.send({
      method: 'POST',
      url: `${origin}${path}/api/chat`,
      headers: HEADERS,
      body: BODY,
      deadlines: DEADLINES,
    })
  return {
    chat: async () => readJson(await send('')),
    stream: async (mode, onEvent) => {
      const exchange = await send(`/${mode}`)
      const decoder = new NdjsonDecoder()
      const take = (records: readonly unknown[]): void => records.forEach(onEvent)
      await exchange.consume((piece) => take(decoder.push(piece)))
      take(decoder.end())
    },
    close: () => one.close(),
  }
}

/** The whole pipeline as a user has it, with every event built and delivered. */
async function groat(origin: string, ledger: string): Promise<Caller> {
  const client = (path: string): Client =>
    createAI({ ledger, providers: { ollama: { baseUrl: origin + path, model: 'stand-in' } } })
  const whole = client('')
  const streaming = { burst: client('/burst'), live: client('/live') }
  return {
    chat: () => whole.sendMessage(PROMPT),
    stream: async (mode, onEvent) => {
      for await (const event of streaming[mode].streamMessage(PROMPT)) {
        if (event.type === 'text-delta') onEvent()
      }
    },
    close: async () => {
      for (const one of [whole, streaming.burst, streaming.live]) await one.close()
    },
  }
}

async function groatWithSqlite(origin: string): Promise<Caller> {
  const folder = mkdtempSync(join(tmpdir(), 'groat-bench-'))
  const caller = await groat(origin, `sqlite:${join(folder, 'ledger.db')}`)
  const close = async (): Promise<void> => {
    await caller.close()
    rmSync(folder, { recursive: true })
  }
  return { ...caller, close }
}

export const BARE = 'bare fetch'
export const MEMORY = 'groat'
export const SQLITE = 'groat, SQLite'
export const TRANSPORT = 'transport alone'

export const CALLERS: Readonly<Record<string, (origin: string) => Promise<Caller>>> = {
  [BARE]: bareFetch,
  [MEMORY]: (origin) => groat(origin, 'memory:'),
  [SQLITE]: groatWithSqlite,
  [TRANSPORT]: (origin) => transport(origin),
  'transport over fetch': (origin) => transport(origin, fetch),
}
