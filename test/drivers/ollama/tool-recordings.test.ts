import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { CallOptions, Message, Tool } from '../../../src/index.ts'
import { errorOf, openWorld, type World } from './world.ts'

// What a real Ollama put on the wire for requests with tools, schemas and pictures, where it is at hand: its answers are
// replayed through a socket, and groat's requests are those that it answered. See recordings.test.ts.
const FOLDER = new URL('../../../../shared/recordings/ollama/', import.meta.url)
const present = existsSync(FOLDER)
if (!present) process.stdout.write(`skipped: no recordings of a real Ollama at ${FOLDER.pathname}\n`)

interface Recording {
  readonly request: { readonly body: Readonly<Record<string, unknown>> }
  readonly response: {
    readonly status: number
    readonly headers: Readonly<Record<string, string>>
    readonly chunks: readonly string[]
  }
}

const recording = (name: string): Recording =>
  JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), 'utf8')) as Recording

/** A client whose server answers with these recordings, one after the other, and does not describe its models. */
async function replaying(...names: readonly string[]): Promise<World> {
  const world = await openWorld()
  world.server.on('/api/show', { status: 404, body: '404 page not found' })
  for (const { response } of names.map(recording)) {
    const [contentType = ''] = Object.entries(response.headers).flatMap(([name, value]) =>
      name.toLowerCase() === 'content-type' ? [value] : [],
    )
    if (response.status === 200) world.server.reply({ raw: response.chunks })
    else world.server.reply({ status: response.status, body: response.chunks.join(''), contentType })
  }
  return world
}

/** What groat sent, without what it always sends besides. */
function sent(world: World, index = 0): unknown {
  const { truncate, shift, stream, ...body } = (world.chats()[index]?.body ?? {}) as Readonly<
    Record<string, unknown>
  >
  expect([truncate, shift, typeof stream]).toEqual([false, false, 'boolean'])
  return body
}

const oneText = (name: string): Tool['input'] => ({
  type: 'object',
  properties: { [name]: { type: 'string' } },
  required: [name],
})
const TOOLS: readonly Tool[] = [
  {
    name: 'get_weather',
    description: 'get_weather of a city',
    input: oneText('city'),
    run: () => 'sunny, 21',
  },
  { name: 'get_time', description: 'get_time of a zone', input: oneText('zone'), run: () => '12:00' },
]
const PLACE = {
  type: 'object',
  properties: { city: { type: 'string' }, sunny: { type: 'boolean' }, temp: { type: 'number' } },
  required: ['city', 'sunny', 'temp'],
} as const
const ANSWERED = 'It is sunny and 21 degrees in Paris.'

describe.skipIf(!present).each(['tiny-chat', 'tiny-jinja'])(
  'what a real Ollama answered with %s',
  (model) => {
    const options: CallOptions = { model, tools: TOOLS }

    it('is a whole loop: two calls, their results, an answer', async () => {
      await using world = await replaying(`${model}-tools-two`, `${model}-tool-result`)
      const answer = await world.ai.streamMessage('@tools', options).response
      expect(sent(world)).toEqual(recording(`${model}-tools-two`).request.body)
      expect([answer.text, answer.attempts.length, answer.warnings]).toEqual([ANSWERED, 2, []])
      const [first, second] = (answer.messages[0]?.content ?? []) as readonly { id: string }[]
      expect(sent(world, 1)).toMatchObject({
        messages: [
          { role: 'user', content: '@tools' },
          {
            role: 'assistant',
            tool_calls: [
              { id: first?.id, function: { name: 'get_weather', arguments: { city: 'Oslo' } } },
              { id: second?.id, function: { name: 'get_time', arguments: { zone: 'UTC' } } },
            ],
          },
          { role: 'tool', tool_call_id: first?.id, tool_name: 'get_weather', content: 'sunny, 21' },
          { role: 'tool', tool_call_id: second?.id, tool_name: 'get_time', content: '12:00' },
        ],
      })
    })

    it('is asked with a history as it was recorded', async () => {
      await using world = await replaying(`${model}-tool-result`)
      const call = { id: 'call_ab12cd34', name: 'get_weather' }
      const history: readonly Message[] = [
        { role: 'user', content: 'weather in Paris?' },
        { role: 'assistant', content: [{ type: 'tool-call', ...call, arguments: { city: 'Paris' } }] },
        { role: 'tool', content: [{ type: 'tool-result', ...call, content: 'sunny, 21' }] },
      ]
      expect((await world.ai.streamMessage(history, options).response).text).toBe(ANSWERED)
      expect(sent(world)).toEqual(recording(`${model}-tool-result`).request.body)
    })

    it('is a warning where its own call was lost or is in the text', async () => {
      const codesOf = async (name: string): Promise<readonly string[]> => {
        await using world = await replaying(`${model}-${name}`, `${model}-tool-result`)
        const { warnings } = await world.ai.streamMessage('@x', options).response
        return warnings.map(({ code }) => code)
      }
      // llama-server forces a call of the tools that there are; Ollama's own parsers drop what they cannot read.
      const lost = model === 'tiny-chat' ? ['tool-call-lost'] : []
      expect(await codesOf('tool-bad')).toEqual(lost)
      expect(await codesOf('tool-ghost')).toEqual(lost)
      expect(await codesOf('tool-without-tools')).toEqual(['tool-call-in-text'])
    })

    it('is the value that was asked for, of a request as it was recorded', async () => {
      await using world = await replaying(`${model}-json-schema`)
      const answer = await world.ai.streamMessage('@json', { model, output: PLACE }).response
      expect([answer.output, answer.warnings]).toEqual([{ city: 'Paris', sunny: true, temp: 21 }, []])
      const { options: limits, ...body } = sent(world) as { options: unknown }
      expect(body).toEqual(recording(`${model}-json-schema`).request.body)
      expect(limits).toEqual({ num_predict: 8_192 })
    })

    it('is checked where the server passed over the schema', async () => {
      await using world = await replaying(`${model}-json-schema-think-unset`)
      const asked = world.ai.streamMessage('@text', { model, output: PLACE }).response
      if (model === 'tiny-jinja') expect((await asked).output).toEqual({ city: '', sunny: false, temp: 0 })
      else expect((await errorOf(asked)).details).toMatchObject({ enforced: false })
    })

    it('is a typed refusal of a picture, sent as it was recorded', async () => {
      const name = `${model}-image-to-text-model`
      await using world = await replaying(name)
      const { messages } = recording(name).request.body as { messages: { images: string[] }[] }
      const image = { type: 'image', data: messages[0]?.images[0] ?? '' } as const
      const content = [{ type: 'text', text: 'what is this @one' } as const, image]
      const error = await errorOf(world.ai.streamMessage({ role: 'user', content }, { model }).response)
      expect([error.code, error.status]).toEqual(['capability_unsupported', recording(name).response.status])
      expect(sent(world)).toEqual(recording(name).request.body)
    })
  },
)

describe.skipIf(!present)('what a real Ollama answered with a model without tools', () => {
  it('is a typed refusal', async () => {
    await using world = await replaying('plain-tools')
    const error = await errorOf(
      world.ai.streamMessage('@one', { model: 'tiny-plain', tools: TOOLS }).response,
    )
    expect([error.code, error.status]).toEqual(['capability_unsupported', 400])
    expect(sent(world)).toEqual(recording('plain-tools').request.body)
  })
})
