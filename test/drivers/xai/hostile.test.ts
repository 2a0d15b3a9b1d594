import { toError } from '../../../src/drivers/xai/errors.ts'
import { fromWire } from '../../../src/drivers/xai/wire.ts'
import { NAMES, TYPES } from '../../dialects/openai-responses/words.ts'
import { xaiFixtures } from '../../fixtures/xai/index.ts'
import { describeHostile } from '../hostile.ts'
import { failure, offline } from './world.ts'

/** What only xAI says. */
const OWN_NAMES = ['server_side_tool_usage_details', 'web_search_calls', 'cost_in_usd_ticks', 'prompt_tokens']

describeHostile({
  offline,
  names: [...NAMES, ...OWN_NAMES],
  types: [...TYPES, 'response.done', 'x_search_call'],
  streams: xaiFixtures.map(({ bytes }) => bytes),
  toError,
  failure,
  fromWire,
})
