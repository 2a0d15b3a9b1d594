import assert from 'node:assert/strict'
import type { ErrorCode } from '../core/errors.ts'
import { CAPABILITIES, type Capability } from '../core/capability.ts'
import type { CallOptions } from '../core/request.ts'
import type { StreamEvent } from '../core/stream.ts'
import { EMBEDDING_CASES } from './contract-embeddings.ts'
import { SENSES_CASES } from './contract-senses.ts'
import { TOOL_CASES } from './contract-tools.ts'
import {
  assertBill,
  assertFails,
  type ContractCase,
  type ContractReply,
  type ContractWorld,
} from './driver-contract.ts'

const ANSWER: ContractReply = { pieces: ['The ', 'sky ', 'is 🟦.'], inputTokens: 1_000, outputTokens: 40 }
/** 1,000 × $0.15 and 40 × $0.60, per million. */
const ANSWER_BILL = { input: 1_000, output: 40, amount: '0.000174' }

async function eventsOf(stream: AsyncIterable<StreamEvent>): Promise<StreamEvent[]> {
  const events: StreamEvent[] = []
  for await (const event of stream) events.push(event)
  return events
}

const CHAT: readonly ContractCase[] = [
  {
    name: 'answers a text, with its exact bill',
    needs: ['chat'],
    run: async (world) => {
      world.far.reply(ANSWER)
      const answer = await world.ai
        .provider(world.provider)
        .model(world.model)
        .sendMessage('Why is the sky blue?')
      assert.equal(answer.text, 'The sky is 🟦.')
      assert.deepEqual(answer.parts, [{ type: 'text', text: 'The sky is 🟦.' }])
      assert.equal(answer.finishReason.unified, 'stop')
      assert.equal(answer.provider, world.provider)
      assert.equal(world.far.chatRequests().length, 1)
      await assertBill(world, answer, ANSWER_BILL)
    },
  },
  {
    name: 'sends all messages in order, the system message first',
    needs: ['chat'],
    run: async (world) => {
      world.far.reply(ANSWER)
      const history = [
        { role: 'user', content: 'Hi, I am Ada — 你好' },
        {
          role: 'assistant',
          content: [
            { type: 'text', text: 'Hello ' },
            { type: 'text', text: 'Ada' },
          ],
        },
        { role: 'user', content: 'Who am I?' },
      ] as const
      const answer = await handleOf(world).sendMessage(history, { system: 'Be brief' })
      const [request] = world.far.chatRequests()
      assert.equal(request?.model, world.model)
      assert.deepEqual(request?.messages, [
        { role: 'system', content: 'Be brief' },
        { role: 'user', content: 'Hi, I am Ada — 你好' },
        { role: 'assistant', content: 'Hello Ada' },
        { role: 'user', content: 'Who am I?' },
      ])
      await assertBill(world, answer, ANSWER_BILL)
    },
  },
  {
    name: 'says that an answer ended because of its length',
    needs: ['chat'],
    run: async (world) => {
      world.far.reply({ ...ANSWER, length: true })
      const answer = await handleOf(world).sendMessage('Count', { maxOutputTokens: 40 })
      assert.equal(answer.finishReason.unified, 'length')
      await assertBill(world, answer, ANSWER_BILL)
    },
  },
  {
    name: 'takes an empty answer for an answer',
    needs: ['chat'],
    run: async (world) => {
      world.far.reply({ pieces: [], inputTokens: 3, outputTokens: 1 })
      const answer = await handleOf(world).sendMessage('Say nothing')
      assert.equal(answer.text, '')
      assert.deepEqual(answer.parts, [])
      await assertBill(world, answer, { input: 3, output: 1, amount: '0.00000105' })
    },
  },
  {
    name: 'does not know what it was not told, and takes none of it for zero',
    needs: ['chat'],
    run: async (world) => {
      world.far.reply({ ...ANSWER, silentUsage: true })
      const { usage, cost } = await handleOf(world).sendMessage('Hi')
      assert.equal(usage.inputTokens, undefined)
      assert.equal(usage.outputTokens, undefined)
      if (world.subject.billing === 'free') assert.equal(cost.status, 'free')
      else {
        // At most what the text that was sent and received can hold: more than what the words would cost, and not zero.
        assert.equal(cost.status, 'bounded')
        assert.ok((cost.amount?.picos ?? 0n) > 0n)
      }
    },
  },
  {
    name: 'refuses bad input before any request',
    needs: ['chat'],
    run: async (world) => {
      const wrong: readonly [string, CallOptions][] = [
        ['', {}],
        ['half \uD83D a pair', {}],
        ['Hi', { temperature: Number.NaN }],
      ]
      for (const [text, options] of wrong) {
        await assertFails(handleOf(world).sendMessage(text, options), 'request_invalid')
      }
      assert.equal(world.far.chatRequests().length, 0)
    },
  },
]

const STREAM: readonly ContractCase[] = [
  {
    name: 'streams the answer that it would have given whole',
    needs: ['chat', 'stream'],
    run: async (world) => {
      world.far.reply(ANSWER, ANSWER)
      const whole = await handleOf(world).sendMessage('Hi')
      const streamed = await handleOf(world).streamMessage('Hi').response
      for (const field of ['text', 'parts', 'finishReason', 'usage', 'cost', 'model', 'provider'] as const) {
        assert.deepEqual(streamed[field], whole[field], field)
      }
      await assertBill(world, streamed, ANSWER_BILL)
    },
  },
  {
    name: 'streams in order, with one finish at the end',
    needs: ['chat', 'stream'],
    run: async (world) => {
      world.far.reply(ANSWER)
      const events = await eventsOf(handleOf(world).streamMessage('Hi'))
      const deltas = ['text-delta', 'text-delta', 'text-delta']
      assert.deepEqual(
        events.map((event) => event.type),
        ['start', 'text-start', ...deltas, 'text-end', 'finish'],
      )
      const texts = events.map((event) => (event.type === 'text-delta' ? event.text : ''))
      assert.equal(texts.join(''), 'The sky is 🟦.')
    },
  },
  {
    name: 'gives the first text while the rest is still held back',
    needs: ['chat', 'stream'],
    run: async (world) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      world.far.reply({ ...ANSWER, hold: { after: 1, until: promise } })
      const seen: string[] = []
      for await (const event of handleOf(world).streamMessage('Hi')) {
        if (event.type !== 'text-delta') continue
        // The far end sends nothing more before this: a reader of whole bodies would wait forever.
        if (seen.length === 0) resolve()
        seen.push(event.text)
      }
      assert.deepEqual(seen, ['The ', 'sky ', 'is 🟦.'])
    },
  },
  {
    name: 'books a stream that its reader leaves, and keeps serving others',
    needs: ['chat', 'stream'],
    run: async (world) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      world.far.reply({ ...ANSWER, hold: { after: 1, until: promise } }, ANSWER)
      for await (const event of handleOf(world).streamMessage('Hi', { user: 'ada' })) {
        if (event.type === 'text-delta') break
      }
      const [total] = await world.ai.ledger.totals({ user: 'ada' })
      assert.equal(total?.attempts, 1)
      assert.equal((await handleOf(world).sendMessage('Still there?')).text, 'The sky is 🟦.')
      resolve()
    },
  },
  {
    name: 'says what had arrived when a stream is cut',
    needs: ['chat', 'stream'],
    run: async (world) => {
      world.far.reply({ ...ANSWER, cutAfter: 2 })
      const error = await assertFails(eventsOf(handleOf(world).streamMessage('Hi')), 'stream_interrupted')
      assert.equal((error as { partial?: { text: string } }).partial?.text, 'The sky ')
      // Something had reached the reader: a second try would have repeated it.
      assert.equal(world.far.chatRequests().length, 1)
    },
  },
]

const FAILURES: readonly (readonly [NonNullable<ContractReply['failure']>, ErrorCode, retried: boolean])[] = [
  ['unavailable', 'provider_unavailable', true],
  ['rate-limited', 'rate_limited', true],
  ['unauthorized', 'authentication_failed', false],
  ['model-missing', 'model_not_found', false],
]

const ERRORS: readonly ContractCase[] = [
  ...FAILURES.map(([failure, code, retried]) => ({
    name: `fails with ${code} when the provider says ${failure}, ${retried ? 'after one retry' : 'without a retry'}`,
    needs: ['chat'] as const,
    run: async (world: ContractWorld) => {
      world.far.reply({ failure }, { failure })
      await assertFails(handleOf(world).sendMessage('Hi', { retries: 1 }), code)
      assert.equal(world.far.chatRequests().length, retried ? 2 : 1)
    },
  })),
  {
    name: 'answers after a retry, and bills both attempts',
    needs: ['chat'],
    run: async (world) => {
      world.far.reply({ failure: 'unavailable' }, ANSWER)
      const answer = await handleOf(world).sendMessage('Hi', { retries: 1 })
      assert.deepEqual(
        answer.attempts.map((attempt) => attempt.outcome),
        ['error', 'ok'],
      )
      await assertBill(world, answer, ANSWER_BILL)
    },
  },
  {
    name: 'stops at once for a signal that has fired, without a request',
    needs: ['chat'],
    run: async (world) => {
      await assertFails(handleOf(world).sendMessage('Hi', { signal: AbortSignal.abort() }), 'aborted')
      assert.equal(world.far.chatRequests().length, 0)
    },
  },
]

const EVENTS_AND_MODELS: readonly ContractCase[] = [
  {
    name: 'tells of a call once: sent, generated, cost; and books it once',
    needs: ['chat'],
    run: async (world) => {
      const told: string[] = []
      for (const name of ['messageSent', 'responseGenerated', 'costCalculated', 'messageFailed'] as const) {
        world.ai.on(name, () => void told.push(name))
      }
      world.far.reply(ANSWER)
      const answer = await handleOf(world).sendMessage('Hi')
      assert.deepEqual(told, ['messageSent', 'responseGenerated', 'costCalculated'])
      const [total] = await world.ai.ledger.totals()
      assert.deepEqual([total?.calls, total?.attempts], [1, 1])
      await assertBill(world, answer, ANSWER_BILL)
    },
  },
  {
    name: 'lists its models and finds one of them',
    needs: ['chat'],
    run: async (world) => {
      const { models } = world.ai.provider(world.provider)
      const listed = await models.list()
      const [first] = listed
      assert.ok(first, 'the far end has a model')
      assert.equal((await models.get(first.id)).id, first.id)
      await assertFails(models.get('no-such-model'), 'model_not_found')
    },
  },
  {
    name: 'is ready when it is there, without generating anything',
    needs: ['chat'],
    run: async (world) => {
      const health = await world.ai.provider(world.provider).health()
      assert.deepEqual([health.status, health.issues], ['ready', []])
      assert.equal(world.far.chatRequests().length, 0)
    },
  },
]

function handleOf({ ai, provider, model }: ContractWorld): ReturnType<ContractWorld['ai']['provider']> {
  return ai.provider(provider).model(model)
}

/** The call that needs a capability and nothing else. */
const CALLS_THAT_NEED: Readonly<Partial<Record<Capability, CallOptions>>> = {
  tools: { tools: [{ name: 'clock', input: { type: 'object', properties: {} } }] },
  'json-schema': { output: { type: 'object' } },
  reasoning: { reasoning: 'high' },
}

/** Declare or refuse: what a driver does not declare fails before any request. */
const REFUSALS: readonly (ContractCase & { readonly lacks: Capability })[] = CAPABILITIES.flatMap((lacks) => {
  const options = CALLS_THAT_NEED[lacks]
  if (!options) return []
  return {
    name: `refuses ${lacks}, which it does not declare, before any request`,
    needs: ['chat'],
    lacks,
    run: async (world: ContractWorld) => {
      await assertFails(handleOf(world).sendMessage('Hi', options), 'capability_unsupported')
      assert.equal(world.far.chatRequests().length, 0)
    },
  }
})

/** Every case of the driver contract; `lacks` marks those for drivers that do not declare something. */
export const driverContract: readonly (ContractCase & { readonly lacks?: Capability })[] = [
  ...CHAT,
  ...STREAM,
  ...ERRORS,
  ...EVENTS_AND_MODELS,
  ...TOOL_CASES,
  ...EMBEDDING_CASES,
  ...SENSES_CASES,
  ...REFUSALS,
]
