import type { AIError } from '../../core/errors.ts'
import { toOpenAIError, type ErrorTable } from '../../dialects/openai-errors.ts'
import type { Failure } from '../rooms.ts'

const TABLE: ErrorTable = { vendor: 'OpenAI', keyVariable: 'OPENAI_API_KEY' }

/** What a failure of the service means in groat's words. */
export function toError(failure: Failure): AIError {
  return toOpenAIError(failure, TABLE)
}

/** What OpenAI refuses of thinking: the same call succeeds without. Summaries are for verified organizations only. */
export function refusalOf({ details }: AIError): 'reasoning' | 'summary' | undefined {
  const { param, said, code } = details
  if (param === 'reasoning.summary' || /verified to generate reasoning summar/i.test(String(said)))
    return 'summary'
  const isReasoning = param === 'reasoning.effort' || param === 'reasoning_effort' || param === 'reasoning'
  const isUnknown = code === 'unsupported_parameter' || /Unsupported parameter/.test(String(said))
  return isReasoning && isUnknown ? 'reasoning' : undefined
}
