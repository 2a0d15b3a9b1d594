import { describe, expect, it, vi } from 'vitest'
import { createAI, type StreamEvent } from '../../src/index.ts'
import { fakeOllama, mock } from '../../src/testing/index.ts'

const WORDS = Array.from({ length: 2_000 }, (_, index) => `w${index} `)

describe('a streamed answer', () => {
  it('slows the provider down while its reader is slow, and loses nothing', async () => {
    const ai = createAI({ providers: { mock: mock({ replies: [{ pieces: WORDS }] }) } })
    let written = 0
    const counting = ai.streamMessage('Hi', {
      middleware: [
        (call, next) => {
          const sink = call.sink && {
            write: (event: StreamEvent) => {
              written++
              return call.sink?.write(event)
            },
          }
          return next({ ...call, sink })
        },
      ],
    })
    await expect.poll(() => written).toBeGreaterThan(200)
    const paused = written
    await new Promise((resolve) => setImmediate(resolve))
    expect([written, paused < 300]).toEqual([paused, true])
    let text = ''
    for await (const event of counting) if (event.type === 'text-delta') text += event.text
    expect(text).toBe(WORDS.join(''))
  })

  it('is read to its end by awaiting it, however long it is, and can still be iterated afterwards', async () => {
    const ai = createAI({ providers: { mock: mock({ replies: [{ pieces: WORDS }] }) } })
    const stream = ai.streamMessage('Hi')
    expect((await stream.response).text).toBe(WORDS.join(''))
    const events = await Array.fromAsync(stream)
    expect(events.filter((event) => event.type === 'text-delta')).toHaveLength(WORDS.length)
    expect(events.at(-1)?.type).toBe('finish')
  })

  it('tells a wrong request where it is read, not where it is made', async () => {
    const ai = createAI({ providers: { mock: mock() } })
    const stream = ai.streamMessage('')
    await expect(Array.fromAsync(stream)).rejects.toMatchObject({ code: 'request_invalid' })
    await expect(stream.response).rejects.toMatchObject({ code: 'request_invalid' })
  })

  it('that nobody reads breaks nothing when it fails', async () => {
    const unhandled: unknown[] = []
    const listener = (reason: unknown): void => void unhandled.push(reason)
    process.on('unhandledRejection', listener)
    const ai = createAI({ providers: { mock: mock({ up: false }) } })
    ai.streamMessage('')
    await new Promise((resolve) => setImmediate(resolve))
    process.off('unhandledRejection', listener)
    expect(unhandled).toEqual([])
  })

  it('stops by its own abort, and can be aborted again', async () => {
    await using server = await fakeOllama({ models: ['llama3.2'] })
    const gate = server.gate()
    server.reply({ chunks: ['Hel', 'lo'], gate, holdAfter: 1 })
    const ai = createAI({ providers: { ollama: { baseUrl: server.url, model: 'llama3.2' } } })
    const stream = ai.streamMessage('Hi')
    const read = (async () => {
      for await (const event of stream) if (event.type === 'text-delta') stream.abort()
    })()
    await expect(read).rejects.toMatchObject({ code: 'aborted', partial: { text: 'Hel' } })
    stream.abort()
    expect(await Array.fromAsync(ai.ledger.entries())).toMatchObject([
      { outcome: 'aborted', cost: { status: 'free' } },
    ])
    await ai.close()
  })

  it('leaves no listener on the signal that it was given', async () => {
    const ai = createAI({
      providers: { mock: mock({ replies: ['a', 'b', { error: { code: 'request_invalid' } }] }) },
    })
    const { signal } = new AbortController()
    const added = vi.spyOn(signal, 'addEventListener')
    const removed = vi.spyOn(signal, 'removeEventListener')
    await ai.streamMessage('Hi', { signal }).response
    for await (const event of ai.streamMessage('Hi', { signal })) if (event.type === 'text-delta') break
    await ai.streamMessage('Hi', { signal }).response.catch(() => {})
    expect(added.mock.calls.length).toBe(3)
    await expect.poll(() => removed.mock.calls.length).toBe(3)
  })
})
