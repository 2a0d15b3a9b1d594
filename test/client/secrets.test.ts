import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { createAI, type AIConfig } from '../../src/index.ts'
import { fakeOllama } from '../../src/testing/index.ts'

const KEY = 'sk-sentinel-4f1e'
const HEADER = 'header-sentinel-9ac2'
const PASSWORD = 'pass-sentinel-77d0'
const PROMPT = 'prompt-sentinel-c0de'
const BASIC = btoa(`ada:${PASSWORD}`)

/** Everything that a program could print of a value. */
function shown(value: unknown): string {
  const json = (() => {
    try {
      return JSON.stringify(value)
    } catch {
      return ''
    }
  })()
  return `${inspect(value, { depth: 20, showHidden: true })} ${json} ${String(value)} ${value instanceof Error ? value.stack : ''}`
}

describe('a key, a header, a password, a prompt', () => {
  it('appear in nothing that groat makes of a failed call, while the server got them all', async () => {
    await using server = await fakeOllama({ models: ['llama3.2'] })
    const withPassword = server.url.replace('://', `://ada:${PASSWORD}@`)
    const worlds: readonly { readonly config: AIConfig; readonly sentinels: readonly string[] }[] = [
      {
        config: {
          providers: { ollama: { baseUrl: server.url, apiKey: KEY, headers: { 'x-proxy': HEADER } } },
        },
        sentinels: [KEY, HEADER, PROMPT],
      },
      {
        config: { providers: { ollama: { baseUrl: withPassword, headers: { 'x-proxy': HEADER } } } },
        sentinels: [PASSWORD, BASIC, HEADER, PROMPT],
      },
    ]
    const echoes = [
      {
        status: 500,
        error: `upstream said: Bearer ${KEY}, ${HEADER}, ada:${PASSWORD}, ${BASIC}`,
      },
      {
        status: 502,
        body: `<html>Authorization: Bearer ${KEY} x-proxy: ${HEADER}</html>`,
        contentType: 'text/html',
      },
      { raw: [`{"error":"cannot parse Bearer ${KEY} ${HEADER} http://ada:${PASSWORD}@box/"}\n`] },
      { raw: ['no json at all\n'] },
    ]
    for (const { config, sentinels } of worlds) {
      const ai = createAI(config)
      const seen: string[] = [shown(ai), shown(ai.provider('ollama')), shown([ai])]
      for (const name of ['messageSent', 'messageFailed', 'providerRetried', 'error'] as const) {
        ai.on(name, (event) => void seen.push(shown(event)))
      }
      for (const reply of echoes) {
        for (const stream of [true, false]) {
          server.reply(reply)
          const options = { retries: 0 }
          const call = stream ? ai.streamMessage(PROMPT, options).response : ai.sendMessage(PROMPT, options)
          seen.push(shown(await call.catch((error: unknown) => error)))
        }
      }
      for await (const entry of ai.ledger.entries()) seen.push(shown(entry))
      for (const sentinel of sentinels)
        expect(
          seen.filter((text) => text.includes(sentinel)),
          sentinel,
        ).toEqual([])
      expect(seen.length).toBeGreaterThan(20)
      await ai.close()
    }
    const got = JSON.stringify(server.requests)
    expect([KEY, HEADER, PROMPT, BASIC].filter((sentinel) => !got.includes(sentinel))).toEqual([])
  })
})
