import assert from 'node:assert/strict'
import type { Message } from '../core/message.ts'
import type { StreamEvent } from '../core/stream.ts'
import { assertBill, type ContractCase, type ContractReply, type ContractWorld } from './driver-contract.ts'

const THOUGHT: ContractReply = {
  reasoning: 'It scatters.',
  pieces: ['Blue.'],
  inputTokens: 1_000,
  outputTokens: 40,
}
const BILL = { input: 1_000, output: 40, amount: '0.000174' }

/** One grey pixel, and a tenth of a second of nothing. */
const PICTURE = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=='
const SOUND = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA='

/** Thoughts, pictures and sounds. */
export const SENSES_CASES: readonly ContractCase[] = [
  {
    name: 'keeps thoughts apart from the text, and bills them inside the output',
    needs: ['chat', 'reasoning'],
    run: async (world) => {
      world.far.reply(THOUGHT)
      const answer = await handleOf(world).sendMessage('Why is the sky blue?', { reasoning: 'high' })
      assert.deepEqual([answer.reasoning, answer.text], ['It scatters.', 'Blue.'])
      // What a provider keeps beside its thoughts is its own business.
      const parts = answer.parts.map((part) => ({ type: part.type, text: 'text' in part ? part.text : '' }))
      assert.deepEqual(parts, [
        { type: 'reasoning', text: 'It scatters.' },
        { type: 'text', text: 'Blue.' },
      ])
      await assertBill(world, answer, BILL)
    },
  },
  {
    name: 'streams thoughts as events of their own, before the text',
    needs: ['chat', 'stream', 'reasoning'],
    run: async (world) => {
      world.far.reply(THOUGHT)
      const events: StreamEvent[] = []
      for await (const event of handleOf(world).streamMessage('Why?', { reasoning: 'high' }))
        events.push(event)
      // In how many pieces thoughts come is the provider's business.
      const types = events.map((event) => event.type).filter((type, index, all) => type !== all[index - 1])
      assert.deepEqual(types, [
        'start',
        'reasoning-start',
        'reasoning-delta',
        'reasoning-end',
        'text-start',
        'text-delta',
        'text-end',
        'finish',
      ])
    },
  },
  mediaCase('a picture', 'vision', { type: 'image', data: `data:image/png;base64,${PICTURE}` }, PICTURE),
  mediaCase('a sound', 'audio', { type: 'audio', data: SOUND, mediaType: 'audio/wav' }, SOUND),
]

function mediaCase(
  what: string,
  needs: 'vision' | 'audio',
  part: Exclude<Message['content'], string>[number],
  bytes: string,
): ContractCase {
  return {
    name: `sends ${what} with the text that it belongs to, in one message`,
    needs: ['chat', needs],
    run: async (world) => {
      world.far.reply({ ...THOUGHT, reasoning: '' })
      const content = [{ type: 'text', text: 'What is this?' } as const, part]
      const answer = await handleOf(world).sendMessage({ role: 'user', content })
      const [request, ...others] = world.far.chatRequests()
      assert.deepEqual([request?.messages.length, request?.messages[0]?.content], [1, 'What is this?'])
      assert.deepEqual([others, world.far.mediaSent?.()], [[], [bytes]])
      await assertBill(world, answer, BILL)
    },
  }
}

function handleOf({ ai, provider, model }: ContractWorld): ReturnType<ContractWorld['ai']['provider']> {
  return ai.provider(provider).model(model)
}
