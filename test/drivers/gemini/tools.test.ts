import { describe, expect, it } from 'vitest'
import { createAI, type Message } from '../../../src/index.ts'
import { mock } from '../../../src/testing/index.ts'
import { fakeGemini } from '../../../src/testing/fake-gemini.ts'
import { errorOf, offline, openWorld } from './world.ts'

const calls = async (...functionCalls: unknown[]): Promise<unknown[]> => {
  const parts = functionCalls.map((functionCall) => ({ functionCall }))
  const { fold } = await offline.readRecords([{ candidates: [{ content: { parts }, finishReason: 'STOP' }] }])
  return fold.toolCalls.map(({ name, arguments: args, issues = [] }) => [name, args, issues])
}

describe('a call that a model makes', () => {
  it('has an object of arguments, whatever came', async () => {
    expect(
      await calls(
        { name: 'a' },
        { name: 'a', args: null },
        { name: 'a', args: '{"b":1}' },
        { name: 'a', args: 'b' },
        { name: 'a', args: [1] },
        { args: {} },
        'text',
      ),
    ).toEqual([
      ['a', {}, []],
      ['a', {}, []],
      ['a', { b: 1 }, []],
      ['a', { value: 'b' }, ['arguments is not an object']],
      ['a', { value: [1] }, ['arguments is not an object']],
      ['unnamed', {}, ['the call names no tool']],
    ])
  })
})

describe('an id of a call', () => {
  it('of another provider that is long is cut, so that two stay two', async () => {
    await using world = await openWorld()
    const ids = ['a', 'b'].map((end) => `${'x'.repeat(70)}${end}`)
    await world.ai.sendMessage([
      { role: 'user', content: 'Is it warm?' },
      {
        role: 'assistant',
        content: ids.map((id) => ({ type: 'tool-call', id, name: 'weather', arguments: {} })),
      },
      {
        role: 'tool',
        content: ids.map((id) => ({ type: 'tool-result', id, name: 'weather', content: id.slice(-1) })),
      },
    ])
    const { contents = [] } = world.bodies()[0] ?? {}
    const [, model, user] = contents as { parts: Record<string, { id: string }>[] }[]
    const called = model?.parts.map((part) => part['functionCall']?.id) ?? []
    expect(called.every((id) => id !== undefined && /^[\w-]{1,64}$/.test(id))).toBe(true)
    expect(new Set(called).size).toBe(2)
    expect(user?.parts.map((part) => part['functionResponse']?.id)).toEqual(called)
  })
})

describe('a conversation', () => {
  const tool = { name: 'weather', input: { type: 'object' }, run: () => 'warm' } as const

  it('that began on another provider goes on here, tools and all, and back again', async () => {
    await using server = await fakeGemini()
    const other = mock({
      replies: [{ toolCalls: [{ id: 'call_1', name: 'weather', arguments: {} }] }, 'Warm.', 'As I said.'],
    })
    await using ai = createAI({
      providers: { other, gemini: { baseUrl: server.baseUrl, apiKey: 'k', model: 'gemini-3.8-flash' } },
    })
    const first: Message = { role: 'user', content: 'Is it warm?' }
    const begun = await ai.provider('other').sendMessage([first], { tools: [tool] })
    server.reply({ toolCalls: [{ name: 'weather' }] }, { text: 'Still warm.', signature: 'QUJD' })
    const history = [first, ...begun.messages, { role: 'user', content: 'Still?' } as const]
    // The stand-in refuses a history without signatures, or with results that answer no call.
    const went = await ai.provider('gemini').sendMessage(history, { tools: [tool] })
    expect(went.text).toBe('Still warm.')
    const back = [...history, ...went.messages, { role: 'user', content: 'Sure?' } as const]
    expect((await ai.provider('other').sendMessage(back)).text).toBe('As I said.')
  })

  it('is held to a schema of which Gemini does not know everything, and says so', async () => {
    await using world = await openWorld()
    world.server.default('{"city":"x"}')
    const output = {
      type: 'object',
      properties: { city: { type: 'string', minLength: 2 } },
      required: ['city'],
    }
    const error = await errorOf(world.ai.sendMessage('Hi', { output }))
    expect(error.code).toBe('schema_mismatch')
    world.server.default('{"city":"Oslo"}')
    const answer = await world.ai.sendMessage('Hi', { output })
    expect([answer.output, answer.warnings.map(({ code }) => code)]).toEqual([
      { city: 'Oslo' },
      ['schema-lowered'],
    ])
  })

  it('is asked for as JSON once more where an older model was offered tools', async () => {
    await using world = await openWorld({ gemini: { model: 'gemini-2.5-flash' } })
    world.server.reply('It is Oslo.', '{"city":"Oslo"}')
    const output = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
    const answer = await world.ai.sendMessage('Where?', { output, tools: [tool] })
    expect(answer.output).toEqual({ city: 'Oslo' })
    const [asked, again] = world.bodies()
    expect([asked?.['generationConfig'], again?.['tools']]).toEqual([undefined, undefined])
    expect(again?.['generationConfig']).toEqual({
      responseMimeType: 'application/json',
      responseJsonSchema: output,
    })
  })
})

describe('texts to embed', () => {
  it('that are too long are found out, and named', async () => {
    await using world = await openWorld()
    const model = 'gemini-embedding-001'
    const path = `/v1beta/models/${model}:batchEmbedContents`
    const message = 'The input token count (9000) exceeds the maximum number of tokens allowed (2048).'
    world.server.on(path, ({ bodyText }) =>
      bodyText.includes('long')
        ? { status: 400, error: { message } }
        : { body: { embeddings: [{ values: [1] }], usageMetadata: { promptTokenCount: 1 } } },
    )
    const error = await errorOf(world.ai.embed(['short', 'long'], { model }))
    expect([error.code, error.details['index']]).toEqual(['context_too_long', 1])
  })
})
