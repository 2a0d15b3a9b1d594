import { describe, expect, it } from 'vitest'
import { errorOf, offline, openWorld, type World } from './world.ts'

const { readRecords } = offline
const LONG = 'gemini-4-argon'

async function openLong(model: string = LONG): Promise<World> {
  return openWorld({ gemini: { model }, server: { models: [model] } })
}

const asked = ({ server }: World): string[] => server.requests.map(({ path, query }) => path + query)

describe('an answer that is too long for one piece', () => {
  const stream = `/v1beta/models/${LONG}:streamGenerateContent`
  const piece = `/v1beta/models/${LONG}:generateContent`

  it('is asked for as a stream, and read as a whole, where the caller does not stream', async () => {
    await using world = await openLong()
    world.server.default({ text: 'One two three.', thinking: 'Hm.' })
    const short = await world.ai.sendMessage('Count', { maxOutputTokens: 32_768 })
    const long = await world.ai.sendMessage('Count', { maxOutputTokens: 32_769 })
    const streamed = await world.ai.streamMessage('Count', { maxOutputTokens: 32_769 }).response
    expect(asked(world)).toEqual([piece, stream, `${stream}?alt=sse`])
    for (const { text, usage, finishReason } of [long, streamed]) {
      expect([text, finishReason.raw]).toEqual([short.text, 'STOP'])
      expect([usage.inputTokens, usage.outputTokens, usage.reasoningTokens]).toEqual([2, 4, 1])
    }
  })

  it.each([
    ['gemini-3.8-flash', 'generateContent'],
    ['gemini-4-hydrogen', 'streamGenerateContent'],
    ['models/gemini-4-carbon', 'streamGenerateContent'],
    ['gemini-5-neon', 'streamGenerateContent'],
  ])('is for %s asked for with %s', async (model, verb) => {
    await using world = await openLong(model.replace('models/', ''))
    await world.ai.sendMessage('Count', { model, maxOutputTokens: 60_000 })
    expect(asked(world).map((path) => path.split(':')[1])).toEqual([verb])
  })

  it('that breaks off in the middle of its array is no answer', async () => {
    await using world = await openLong()
    world.server.reply({ text: 'One two three.', error: { status: 'UNAVAILABLE', message: 'Overloaded.' } })
    const error = await errorOf(world.ai.sendMessage('Count', { maxOutputTokens: 60_000, retries: 0 }))
    expect([error.code, error.status, error.partial?.text]).toEqual([
      'provider_unavailable',
      503,
      'One two three.',
    ])
    world.server.reply({ text: 'One two three.', end: false })
    const cut = await errorOf(world.ai.sendMessage('Count', { maxOutputTokens: 60_000, retries: 0 }))
    expect([cut.code, cut.partial?.text]).toEqual(['stream_interrupted', 'One two three.'])
  })

  it.each([
    ['CONTINUATION', 'hop-2', /^The answer is longer than one request gives: send the same/],
    ['MAX_TOKENS', 'hop-2', /^The answer came to its limit: raise maxOutputTokens/],
    ['CONTINUATION', undefined, undefined],
    ['CONTINUATION', '', undefined],
    ['MAX_TOKENS', undefined, undefined],
  ])('ends with %s and the token %s', async (finishReason, continuationToken, message) => {
    const candidate = { content: { parts: [{ text: 'One' }] }, finishReason, continuationToken }
    const { fold } = await readRecords([{ candidates: [candidate] }])
    expect(fold.end?.finishReason.unified).toBe('length')
    const [warning, ...more] = fold.warnings
    expect(more).toEqual([])
    if (message) {
      expect(warning).toMatchObject({ code: 'continuation', details: { continuationToken } })
      expect(warning?.message).toMatch(message)
    } else expect(warning).toBeUndefined()
  })
})

describe('what an answer says of its sources before its end', () => {
  it('is there at its end, with the last word on each', async () => {
    const record = (candidate: object): object => ({ candidates: [candidate] })
    const { fold } = await readRecords([
      record({ groundingMetadata: { webSearchQueries: ['a'] }, citationMetadata: { citationSources: [1] } }),
      record({ content: { parts: [{ text: 'So.' }] }, urlContextMetadata: { urlMetadata: [2] } }),
      record({ groundingMetadata: { webSearchQueries: ['a', 'b'] } }),
      record({ finishReason: 'STOP', groundingMetadata: null }),
    ])
    expect(fold.end?.raw).toEqual({
      candidates: [
        {
          finishReason: 'STOP',
          groundingMetadata: { webSearchQueries: ['a', 'b'] },
          citationMetadata: { citationSources: [1] },
          urlContextMetadata: { urlMetadata: [2] },
        },
      ],
    })
    expect(fold.end?.billing?.['searchQueries']).toBe(2)
  })
})
