import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAI, type Client } from 'groat'
import { PROMPT, type Protocol } from './protocols.ts'

/** A way to call the stand-in, with everything that it needs loaded by its first call. */
export interface Caller {
  chat(): Promise<unknown>
  /** Calls `onEvent` for each piece of text and resolves at the end. */
  stream(mode: 'burst' | 'live', onEvent: () => void): Promise<void>
  close(): Promise<void>
}

const HEADERS = { 'content-type': 'application/json' }
const DEADLINES = { connectMs: 10_000, idleMs: 300_000 }

/** What everything is compared with: `fetch`, a bare reader of lines or events, and `JSON.parse`. */
async function bareFetch(origin: string, protocol: Protocol): Promise<Caller> {
  const whole = JSON.stringify(protocol.body.whole)
  const streamed = JSON.stringify(protocol.body.stream)
  const post = (url: string, body: string): Promise<Response> =>
    fetch(url, { method: 'POST', headers: HEADERS, body })
  const isSse = protocol.framing === 'sse'
  return {
    chat: async () => JSON.parse(await (await post(`${origin}${protocol.path.whole}`, whole)).text()),
    stream: async (mode, onEvent) => {
      const response = await post(`${origin}/${mode}${protocol.path.stream}`, streamed)
      const decoder = new TextDecoder()
      let rest = ''
      for await (const piece of response.body ?? []) {
        const lines = (rest + decoder.decode(piece, { stream: true })).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) {
          if (isSse && (!line.startsWith('data: ') || line === 'data: [DONE]')) continue
          const record = JSON.parse(isSse ? line.slice(6) : line) as Record<string, unknown>
          if (protocol.isText(record)) onEvent()
        }
      }
    },
    close: async () => {},
  }
}

/** groat's transport and line decoder alone: what the rest of the pipeline adds to. */
async function transport(origin: string, protocol: Protocol, own?: typeof fetch): Promise<Caller> {
  const { systemRuntime } = await import('../dist/runtime.js')
  const { readJson } = await import('../dist/transport/body.js')
  const { NdjsonDecoder } = await import('../dist/transport/ndjson.js')
  const { SseDecoder } = await import('../dist/transport/sse.js')
  const { createTransport } = await import('../dist/transport/index.js')
  const one = createTransport(systemRuntime, own ? { fetch: own } : {})
  const whole = JSON.stringify(protocol.body.whole)
  const streamed = JSON.stringify(protocol.body.stream)
  const send = (url: string, body: string): ReturnType<typeof one.send> =>
    one.send({ method: 'POST', url, headers: HEADERS, body, deadlines: DEADLINES })
  return {
    chat: async () => readJson(await send(`${origin}${protocol.path.whole}`, whole)),
    stream: async (mode, onEvent) => {
      const exchange = await send(`${origin}/${mode}${protocol.path.stream}`, streamed)
      const decoder = protocol.framing === 'ndjson' ? new NdjsonDecoder() : new SseDecoder()
      const take = (records: readonly unknown[]): void => {
        for (const record of records) {
          const data = protocol.framing === 'ndjson' ? undefined : (record as { readonly data: string }).data
          if (data === '[DONE]') continue
          const json: unknown = data === undefined ? record : JSON.parse(data)
          if (protocol.isText(json as Record<string, unknown>)) onEvent()
        }
      }
      await exchange.consume((piece) => take(decoder.push(piece)))
      take(decoder.end())
    },
    close: () => one.close(),
  }
}

/** The whole pipeline as a user has it, with every event built and delivered. */
async function groat(origin: string, protocol: Protocol, ledger: string): Promise<Caller> {
  const client = (path: string): Client => createAI({ ledger, providers: protocol.provider(origin + path) })
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

async function groatWithSqlite(origin: string, protocol: Protocol): Promise<Caller> {
  const folder = mkdtempSync(join(tmpdir(), 'groat-bench-'))
  const caller = await groat(origin, protocol, `sqlite:${join(folder, 'ledger.db')}`)
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

/** The callers by name; `origin` is where the stand-in speaks the protocol. */
export const CALLERS: Readonly<Record<string, (origin: string, protocol: Protocol) => Promise<Caller>>> = {
  [BARE]: bareFetch,
  [MEMORY]: (origin, protocol) => groat(origin, protocol, 'memory:'),
  [SQLITE]: groatWithSqlite,
  [TRANSPORT]: (origin, protocol) => transport(origin, protocol),
  'transport over fetch': (origin, protocol) => transport(origin, protocol, fetch),
}
