import { expect, it } from 'vitest'
import { toError } from '../../../src/drivers/openai/errors.ts'
import { fromEmbedWire, fromWire } from '../../../src/drivers/openai/wire.ts'
import { NAMES, TYPES } from '../../dialects/openai-responses/words.ts'
import { openaiFixtures } from '../../fixtures/openai/index.ts'
import { describeHostile, describeHostileVectors } from '../hostile.ts'
import { failure, offline } from './world.ts'

/** Names of the other dialect, which an answer can be in as well. */
const CHAT_NAMES = [
  'thinking',
  'reasoning_details',
  'annotations',
  'audio',
  'x_groq',
  'extra_content',
  'message',
  'finish_reason',
  'tool_calls',
  'function',
  'index',
  'refusal',
  'prompt_tokens',
]

describeHostile({
  offline,
  names: [...NAMES, ...CHAT_NAMES, 'reasoning_content', 'completion_tokens'],
  types: TYPES,
  streams: Object.values(openaiFixtures),
  toError,
  failure,
  fromWire,
})

describeHostileVectors({ names: ['index', 'embedding'] }, (data, request) =>
  fromEmbedWire({ data: [data] }, request),
)

it('reads no more items than it may', async () => {
  const items = Array.from({ length: 3_000 }, (_, index) => ({
    type: 'response.output_item.done',
    output_index: index,
    item: { type: 'function_call', name: 'f', call_id: `c${index}`, arguments: '{}' },
  }))
  const end = { type: 'response.completed', response: { status: 'completed', output: [] } }
  const { fold } = await offline.readRecords([...items, end])
  expect(fold.toolCalls).toHaveLength(2_048)
})
