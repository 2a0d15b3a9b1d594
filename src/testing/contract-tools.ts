import assert from 'node:assert/strict'
import type { Tool } from '../core/tool.ts'
import type { StreamEvent } from '../core/stream.ts'
import {
  assertBill,
  assertFails,
  type ContractCase,
  type ContractReply,
  type ContractWorld,
} from './driver-contract.ts'

const CITY = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } as const

const WEATHER: Tool = {
  name: 'get_weather',
  description: 'The weather in a city',
  input: CITY,
  run: (input) => ({ ...(input as { city: string }), celsius: 21 }),
}

const asks = (...cities: readonly unknown[]): ContractReply => ({
  toolCalls: cities.map((city) => ({ name: 'get_weather', arguments: { city } })),
  inputTokens: 100,
  outputTokens: 20,
})
const WARM: ContractReply = { pieces: ['Warm', '.'], inputTokens: 150, outputTokens: 10 }
/** 250 × $0.15 and 30 × $0.60, per million: both rounds together. */
const BOTH_ROUNDS = { input: 250, output: 30, amount: '0.0000555' }

const TOOLS: readonly ContractCase[] = [
  {
    name: 'runs a tool that the model calls, and answers from its result, with the exact bill of both rounds',
    needs: ['chat', 'tools'],
    run: async (world) => {
      world.far.reply(asks('Paris'), WARM)
      const answer = await handleOf(world).sendMessage('Is it warm?', { tools: [WEATHER] })
      assert.equal(answer.text, 'Warm.')
      assert.equal(answer.finishReason.unified, 'stop')
      assert.deepEqual(
        answer.attempts.map(({ round }) => round),
        [1, 2],
      )
      assert.deepEqual(seen(world, 1), [
        ['user', 'Is it warm?'],
        ['assistant', ''],
        ['tool', '{"city":"Paris","celsius":21}'],
      ])
      const total = { input: 0, output: 0 }
      for (const { usage } of answer.attempts) {
        total.input += usage.inputTokens ?? 0
        total.output += usage.outputTokens ?? 0
      }
      assert.deepEqual(total, { input: BOTH_ROUNDS.input, output: BOTH_ROUNDS.output })
      assert.equal(String(answer.cost.amount), world.subject.billing === 'free' ? '0' : BOTH_ROUNDS.amount)
    },
  },
  {
    name: 'gives the calls of a tool that it cannot run to the caller',
    needs: ['chat', 'tools'],
    run: async (world) => {
      world.far.reply(asks('Paris'))
      const { run: _, ...bare } = WEATHER
      const answer = await handleOf(world).sendMessage('Is it warm?', { tools: [bare] })
      assert.equal(answer.finishReason.unified, 'tool-calls')
      assert.deepEqual(
        answer.toolCalls.map(({ name, arguments: given }) => [name, given]),
        [['get_weather', { city: 'Paris' }]],
      )
      await assertBill(world, answer, { input: 100, output: 20, amount: '0.000027' })
    },
  },
  {
    name: 'tells the model what went wrong with a call, and goes on',
    needs: ['chat', 'tools'],
    run: async (world) => {
      world.far.reply(asks(7), WARM)
      assert.equal((await handleOf(world).sendMessage('Is it warm?', { tools: [WEATHER] })).text, 'Warm.')
      const result = seen(world, 1).at(-1)
      assert.equal(result?.[0], 'tool')
      assert.match(result?.[1] ?? '', /^Error: The arguments do not fit the schema of get_weather: city/)
    },
  },
  {
    name: 'streams a call between the texts of two rounds, with one start and one finish',
    needs: ['chat', 'stream', 'tools'],
    run: async (world) => {
      world.far.reply({ ...asks('Paris'), pieces: ['Let me look. '] }, WARM)
      const events: StreamEvent[] = []
      const stream = handleOf(world).streamMessage('Is it warm?', { tools: [WEATHER] })
      for await (const event of stream) events.push(event)
      const round = ['text-start', 'text-delta', 'text-end']
      assert.deepEqual(
        events
          .map(({ type }) => type)
          // In how many pieces texts and calls come is the provider's business.
          .filter((type) => type !== 'tool-call-start' && type !== 'tool-call-delta')
          .filter((type, index, all) => type !== 'text-delta' || all[index - 1] !== type),
        ['start', ...round, 'tool-call', 'tool-result', ...round, 'finish'],
      )
    },
  },
  {
    name: 'runs the calls of one answer together, and keeps them and their results apart and in order',
    needs: ['chat', 'tools', 'parallel-tools'],
    run: async (world) => {
      world.far.reply(asks('Paris', 'Rome'), asks('Paris'), WARM)
      const answer = await handleOf(world).sendMessage('Is it warm?', { tools: [WEATHER] })
      assert.deepEqual(
        seen(world, 2).map(([role, content]) => (role === 'tool' ? content : role)),
        [
          'user',
          'assistant',
          '{"city":"Paris","celsius":21}',
          '{"city":"Rome","celsius":21}',
          'assistant',
          '{"city":"Paris","celsius":21}',
        ],
      )
      const ids = answer.messages.flatMap(({ content }) =>
        typeof content === 'string'
          ? []
          : content.flatMap((part) => (part.type === 'tool-call' ? [part.id] : [])),
      )
      assert.equal(new Set(ids).size, 3)
    },
  },
]

const PLACE = {
  type: 'object',
  properties: { city: { type: 'string' }, celsius: { type: 'number' } },
  required: ['city', 'celsius'],
} as const
const JSON_TEXT: ContractReply = {
  pieces: ['{"city":"Par', 'is","celsius":21}'],
  inputTokens: 10,
  outputTokens: 5,
}

const JSON_SCHEMA: readonly ContractCase[] = [
  {
    name: 'gives the checked value of an answer that fits a schema, streamed or whole',
    needs: ['chat', 'stream', 'json-schema'],
    run: async (world) => {
      world.far.reply(JSON_TEXT, JSON_TEXT)
      for (const answer of [
        await handleOf(world).sendMessage('Weather?', { output: PLACE }),
        await handleOf(world).streamMessage('Weather?', { output: PLACE }).response,
      ]) {
        assert.deepEqual(answer.output, { city: 'Paris', celsius: 21 })
        await assertBill(world, answer, { input: 10, output: 5, amount: '0.0000045' })
      }
    },
  },
  {
    name: 'fails with schema_mismatch and the text for an answer that does not fit, once it is booked',
    needs: ['chat', 'json-schema'],
    run: async (world) => {
      world.far.reply({ ...JSON_TEXT, pieces: ['{"city":"Paris"}'] })
      const error = await assertFails(
        handleOf(world).sendMessage('Weather?', { output: PLACE, user: 'ada' }),
        'schema_mismatch',
      )
      assert.equal((error as { partial?: { text: string } }).partial?.text, '{"city":"Paris"}')
      const [total] = await world.ai.ledger.totals({ user: 'ada' })
      assert.equal(total?.attempts, 1)
    },
  },
  {
    name: 'says that a value was cut by its length, and takes it for no mistake in it',
    needs: ['chat', 'json-schema'],
    run: async (world) => {
      world.far.reply({ ...JSON_TEXT, pieces: ['{"city":"Par'], length: true })
      const answer = await handleOf(world).sendMessage('Weather?', { output: PLACE, maxOutputTokens: 5 })
      assert.deepEqual(
        [answer.finishReason.unified, answer.output, answer.text],
        ['length', undefined, '{"city":"Par'],
      )
    },
  },
]

function handleOf({ ai, provider, model }: ContractWorld): ReturnType<ContractWorld['ai']['provider']> {
  return ai.provider(provider).model(model)
}

/** Who said what in a chat request. */
function seen({ far }: ContractWorld, index: number): readonly (readonly [role: string, content: string])[] {
  return far.chatRequests()[index]?.messages.map(({ role, content }) => [role, content] as const) ?? []
}

/** The cases for drivers that let models call tools, or hold them to a schema. */
export const TOOL_CASES: readonly ContractCase[] = [...TOOLS, ...JSON_SCHEMA]
