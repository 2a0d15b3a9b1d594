import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAI, type Client } from 'groat'
import type { Caller } from './measure.ts'

const PROMPT = 'Hello. '.repeat(40)

/** What each call of the whole pipeline is compared with: `fetch`, a line splitter and `JSON.parse`. */
async function bareFetch(origin: string): Promise<Caller> {
  const body = JSON.stringify({ model: 'stand-in', messages: [{ role: 'user', content: PROMPT }] })
  const send = (path: string): Promise<Response> =>
    fetch(`${origin}${path}/api/chat`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    })
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

/** The whole pipeline as a user has it, with every event built and delivered. */
async function groat(origin: string, ledger: string): Promise<Caller> {
  const client = (path: string): Client =>
    createAI({ ledger, providers: { ollama: { baseUrl: origin + path, model: 'stand-in' } } })
  const whole = client('')
  const streaming = { burst: client('/burst'), live: client('/live') }
  return {
    chat: () => whole.sendMessage(PROMPT),
    stream: async (mode, onEvent) => {
      for await (const event of streaming[mode].streamMessage(PROMPT))
        if (event.type === 'text-delta') onEvent()
    },
    close: async () => {
      for (const one of [whole, streaming.burst, streaming.live]) await one.close()
    },
  }
}

export const CALLERS: Readonly<Record<string, (origin: string) => Promise<Caller>>> = {
  'bare fetch': bareFetch,
  'groat, memory ledger': (origin) => groat(origin, 'memory:'),
  'groat, SQLite ledger': async (origin) => {
    const folder = mkdtempSync(join(tmpdir(), 'groat-bench-'))
    const caller = await groat(origin, `sqlite:${join(folder, 'ledger.db')}`)
    return {
      ...caller,
      close: async () => {
        await caller.close()
        rmSync(folder, { recursive: true })
      },
    }
  },
}
