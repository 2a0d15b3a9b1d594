import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { tool, type CallOptions } from '../../../src/index.ts'
import type { OllamaReply } from '../../../src/testing/fake-ollama.ts'
import { errorOf, openWorld, type World, type WorldOptions } from './world.ts'

const output = z.object({ city: z.string(), celsius: z.number() })
const FORMAT = {
  type: 'object',
  properties: { city: { type: 'string' }, celsius: { type: 'number' } },
  required: ['city', 'celsius'],
}
const JSON_TEXT = '{"city":"Paris","celsius":21}'
const VALUE = { city: 'Paris', celsius: 21 }
const HEAD = { model: 'llama3.2', stream: false, truncate: false, shift: false }

const bodies = (world: World): Record<string, unknown>[] =>
  world.chats().map(({ body }) => body as Record<string, unknown>)

/** The body of one call for a value. */
async function bodyOf(options: CallOptions, more: WorldOptions = {}): Promise<Record<string, unknown>> {
  await using world = await openWorld(more)
  world.server.default(JSON_TEXT)
  await world.ai.sendMessage('Weather?', { output, ...options })
  return bodies(world)[0] ?? {}
}

describe('a request for a value', () => {
  it('sends the schema as format, with thinking off and an end to white space', async () => {
    expect(await bodyOf({})).toEqual({
      ...HEAD,
      messages: [{ role: 'user', content: 'Weather?' }],
      format: FORMAT,
      think: false,
      options: { num_predict: 8_192 },
    })
  })

  it('keeps the limit of the caller', async () => {
    expect((await bodyOf({ maxOutputTokens: 50 }))['options']).toEqual({ num_predict: 50 })
  })

  it('leaves the thinking of gpt-oss alone, which answers with nothing when it is told not to', async () => {
    const server = {
      models: [{ name: 'llama3.2', family: 'gptoss', capabilities: ['completion', 'thinking'] }],
    }
    expect(await bodyOf({}, { server })).not.toHaveProperty('think')
  })

  it('sends no schema with tools, and asks for the value when they have been used', async () => {
    await using world = await openWorld()
    const weather = tool({ name: 'weather', input: z.object({}), run: () => 'warm' })
    world.server.reply({ toolCalls: [{ name: 'weather' }] }, 'It is warm in Paris.', JSON_TEXT)
    const answer = await world.ai.sendMessage('Weather?', { output, tools: [weather] })
    expect(answer.output).toEqual(VALUE)
    const asked = bodies(world).map((body) => ['tools', 'format', 'think'].filter((name) => name in body))
    expect(asked).toEqual([['tools'], ['tools'], ['format', 'think']])
    expect(bodies(world)[2]?.['messages']).toEqual([
      { role: 'user', content: 'Weather?' },
      expect.objectContaining({ role: 'assistant' }) as object,
      expect.objectContaining({ role: 'tool', content: 'warm' }) as object,
      { role: 'assistant', content: 'It is warm in Paris.' },
      {
        role: 'user',
        content: expect.stringMatching(/as JSON that fits the schema.*"celsius"/s) as string,
      },
    ])
  })

  it('takes a value that was written while tools were on offer', async () => {
    await using world = await openWorld()
    const weather = tool({ name: 'weather', input: z.object({}), run: () => 'warm' })
    world.server.reply(`Here it is: ${JSON_TEXT}`)
    const answer = await world.ai.sendMessage('Weather?', { output, tools: [weather] })
    expect([answer.output, answer.warnings]).toEqual([VALUE, []])
    expect(world.chats()).toHaveLength(1)
  })

  it('leaves out what breaks a grammar, says so, and checks it all the same', async () => {
    await using world = await openWorld()
    const strict = z.object({ mail: z.email(), name: z.string().max(100_000).startsWith('A') })
    world.server.reply('{"mail":"ada@example.com","name":"Ada"}', '{"mail":"nobody","name":"Bob"}')
    const answer = await world.ai.sendMessage('Who?', { output: strict })
    expect(answer.output).toEqual({ mail: 'ada@example.com', name: 'Ada' })
    expect(answer.warnings).toMatchObject([
      { code: 'schema-lowered', details: { keywords: ['format', 'pattern', 'maxLength'] } },
    ])
    expect(bodies(world)[0]?.['format']).toEqual({
      type: 'object',
      properties: { mail: { type: 'string' }, name: { type: 'string' } },
      required: ['mail', 'name'],
    })
    const error = await errorOf(world.ai.sendMessage('Who?', { output: strict }))
    expect(error.code).toBe('schema_mismatch')
    expect(error.details['issues']).toHaveLength(2)
    // It is JSON: whether the server held the model to something is not known.
    expect(error.details).not.toHaveProperty('enforced')
  })

  it.each([
    // As ollama/ollama v0.33.0-rc2 says it on its two routes.
    'Failed to initialize samplers: failed to parse grammar',
    `Field 'json_schema': "json_schema": JSON schema conversion failed:\nUnsupported ref: #`,
    'Unable to generate parser for this template. Automatic parser generation failed: At least one of min_value or max_value must be set',
  ])('that the server can make no grammar of is request_invalid, with what it said: %s', async (said) => {
    await using world = await openWorld()
    const nested = JSON.stringify({ error: { code: 400, message: said, type: 'invalid_request_error' } })
    world.server.default({ status: 400, error: nested })
    const error = await errorOf(world.ai.sendMessage('Weather?', { output, retries: 2 }))
    expect([error.code, error.status, error.details['kind']]).toEqual(['request_invalid', 400, 'bad-schema'])
    expect(error.details['said']).toContain(said.split('\n')[0])
    expect(world.chats()).toHaveLength(1)
  })
})

describe('an answer to a request for a value', () => {
  it.each(['stream', 'whole'])(
    'conformance 17: is read out of a fence, with a warning that nothing held the model (%s)',
    async (mode) => {
      await using world = await openWorld()
      world.server.reply(`Here you are:\n\`\`\`json\n${JSON_TEXT}\n\`\`\`\n`)
      const answer = await (mode === 'stream'
        ? world.ai.streamMessage('Weather?', { output }).response
        : world.ai.sendMessage('Weather?', { output }))
      expect(answer.output).toEqual(VALUE)
      expect(answer.warnings.map(({ code }) => code)).toEqual(['schema-not-enforced'])
    },
  )

  it.each<[string, string]>([
    ['words around it', `The weather is ${JSON_TEXT}, as asked.`],
    ['braces in the words before it', `In {braces} and "{": ${JSON_TEXT}`],
    ['another object before it', `{"city":"Rome"} no, ${JSON_TEXT}`],
    ['thoughts that leaked', `<think>Maybe {"city":"Rome","celsius":1}?</think>${JSON_TEXT}`],
  ])('conformance 17: is found with %s', async (_, text) => {
    await using world = await openWorld()
    world.server.reply(text)
    expect((await world.ai.sendMessage('Weather?', { output })).output).toEqual(VALUE)
  })

  it('is taken as it is where it is JSON, without a warning', async () => {
    await using world = await openWorld()
    world.server.reply(` \n${JSON_TEXT}\n`)
    expect((await world.ai.sendMessage('Weather?', { output })).warnings).toEqual([])
  })

  it('conformance 17: that is prose is schema_mismatch, and says that the server did not hold the model to it', async () => {
    await using world = await openWorld()
    world.server.reply('It is warm in Paris.')
    const error = await errorOf(world.ai.sendMessage('Weather?', { output }))
    expect([error.code, error.partial?.text]).toEqual(['schema_mismatch', 'It is warm in Paris.'])
    expect(error.details).toEqual({ issues: ['The answer has no JSON in it'], enforced: false })
    expect(error.message).toMatch(/did not hold the model to the schema/)
    expect(world.chats()).toHaveLength(1)
  })

  it('is asked for once more where the caller wants that, with the schema in words', async () => {
    await using world = await openWorld()
    world.server.reply('It is warm in Paris.', JSON_TEXT)
    const answer = await world.ai.sendMessage('Weather?', { output, repairOutput: true })
    expect([answer.output, answer.attempts.length]).toEqual([VALUE, 2])
    expect(bodies(world)[1]).toMatchObject({ format: FORMAT, think: false })
  })

  it.each<[string, OllamaReply]>([
    ['in the middle of a text', { chunks: ['{"city":', '"Par'], doneReason: 'length' }],
    ['in white space without end', { text: '{ \n\n\n\n', doneReason: 'length' }],
    ['in a fence', { text: '```json\n{"city":', doneReason: 'length' }],
  ])('conformance 17: that was cut by its length %s is length, and no error', async (_, reply) => {
    await using world = await openWorld()
    world.server.reply(reply)
    const answer = await world.ai.sendMessage('Weather?', { output })
    expect([answer.finishReason.unified, answer.output]).toEqual(['length', undefined])
    expect(world.chats()).toHaveLength(1)
  })

  it('is what the plainest server gives: one that fits', async () => {
    await using world = await openWorld()
    expect((await world.ai.sendMessage('Weather?', { output })).output).toEqual({ city: 'text', celsius: 1 })
  })
})
