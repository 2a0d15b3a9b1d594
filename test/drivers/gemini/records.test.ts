import { describe, expect, it } from 'vitest'
import { errorOf, offline, openWorld } from './world.ts'

const { readPieces, readRecords } = offline

const encoded = (text: string): Uint8Array[] => [new TextEncoder().encode(text)]
const record = (parts: readonly object[], candidate: object = {}): object => ({
  candidates: [{ content: { role: 'model', parts }, ...candidate }],
})
const stop = (parts: readonly object[] = [], finishReason: string = 'STOP'): object =>
  record(parts, { finishReason })

describe('a record of a stream', () => {
  it("that is OpenAI's word for the end is none of Gemini's", async () => {
    const said = `data: ${JSON.stringify(record([{ text: 'a' }]))}\n\ndata: [DONE]\n\n`
    const cut = await readPieces(encoded(said))
    expect([cut.error, cut.fold.text]).toEqual(['stream_interrupted', 'a'])
    const { error, fold } = await readPieces(encoded(`${said}data: ${JSON.stringify(stop())}\n\n`))
    expect([error, fold.text]).toEqual([undefined, 'a'])
  })

  it('is no error where its error is null', async () => {
    const { error, fold } = await readRecords([{ ...stop([{ text: 'a' }]), error: null }])
    expect([error, fold.text]).toEqual([undefined, 'a'])
  })

  it('after the end is ignored, in an array, too', async () => {
    const { events, fold } = await readRecords([[stop([{ text: 'a' }]), stop([{ text: 'b' }])]], {
      stream: false,
    })
    expect([fold.text, events.filter(({ type }) => type === 'end').length]).toEqual(['a', 1])
  })

  it('that fails in an array ends it, with what came before', async () => {
    const failed = { error: { status: 'UNAVAILABLE', message: 'Busy.' } }
    const { error, fold } = await readRecords([[record([{ text: 'a' }]), failed, stop([{ text: 'b' }])]], {
      stream: false,
    })
    expect([error, fold.text, fold.end]).toEqual(['provider_unavailable', 'a', undefined])
  })

  it('says which model answers, without the prefix of its name', async () => {
    const { fold } = await readRecords([{ ...stop(), modelVersion: 'models/gemini-3.8-flash' }])
    expect(fold.model).toBe('gemini-3.8-flash')
  })

  it('with a candidate is of an answer, whatever is said of its prompt', async () => {
    const flagged = { ...record([{ text: 'a' }]), promptFeedback: { blockReason: 'SAFETY' } }
    const { fold } = await readRecords([flagged, stop([{ text: 'b' }])])
    expect([fold.text, fold.end?.finishReason]).toEqual(['ab', { unified: 'stop', raw: 'STOP' }])
  })

  it('that ends by its length ends so although tools were called', async () => {
    const call = { functionCall: { name: 'now', args: {} } }
    const { fold } = await readRecords([stop([call], 'MAX_TOKENS')])
    expect([fold.toolCalls.length, fold.end?.finishReason.unified]).toEqual([1, 'length'])
    expect((await readRecords([stop([call])])).fold.end?.finishReason.unified).toBe('tool-calls')
  })
})

describe('a call that the model wrote badly', () => {
  it.each([
    ['Malformed function call: now(', 'Malformed function call: now('],
    [undefined, 'MALFORMED_FUNCTION_CALL'],
  ])('is told of in the words of Google: %s', async (finishMessage, said) => {
    await using world = await openWorld()
    const candidate = { finishReason: 'MALFORMED_FUNCTION_CALL', finishMessage }
    world.server.reply({ body: { candidates: [candidate] } })
    const { message } = await errorOf(world.ai.sendMessage('Hi', { retries: 0 }))
    expect(message).toContain(`could not be read (${said})`)
  })
})

describe('a part', () => {
  const partsOf = async (...parts: readonly object[]): Promise<unknown[]> => {
    const { fold } = await readRecords([stop(parts)])
    return fold.parts.map((part) => {
      const kept = 'providerData' in part ? (part.providerData as { data: unknown }).data : undefined
      return [part.type, 'text' in part ? part.text : undefined, kept]
    })
  }

  it('that is nothing but a signature keeps it', async () => {
    const thoughtSignature = 'QQ=='
    expect(
      await partsOf({ text: 'a' }, { thoughtSignature }, { thoughtSignature, thought: true }, {}),
    ).toEqual([
      ['text', 'a', undefined],
      ['text', '', { thoughtSignature }],
      ['reasoning', '', { thoughtSignature }],
    ])
  })

  it('that there are no words for is kept as it is, signed or thought', async () => {
    const code = { thoughtSignature: 'QQ==', thought: true, executableCode: { code: '1+1' } }
    expect(await partsOf(code)).toEqual([['text', '', { part: code }]])
  })

  it('that is a file is told of, as one with the bytes is', async () => {
    for (const part of [
      { fileData: { fileUri: 'x' } },
      { thoughtSignature: 'QQ==', inlineData: { data: 'AAAA' } },
    ]) {
      const { fold } = await readRecords([stop([part])])
      expect(fold.warnings.map(({ code }) => code)).toEqual(['media-in-answer'])
    }
    const { fold } = await readRecords([stop([{ executableCode: { code: '1' } }])])
    expect(fold.warnings).toEqual([])
  })
})
