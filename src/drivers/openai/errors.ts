import type { AIError } from '../../core/errors.ts'
import { toOpenAIError, type ErrorTable } from '../../dialects/openai-errors.ts'
import type { Failure } from '../rooms.ts'

const TABLE: ErrorTable = { vendor: 'OpenAI', keyVariable: 'OPENAI_API_KEY' }

/** What a failure of the service means in groat's words. */
export function toError(failure: Failure): AIError {
  return toOpenAIError(failure, TABLE)
}

/** Names of the field that says how hard to think. */
const EFFORT = /\breasoning[._]effort\b/
/** What servers say of a field that they, or a model, have none of: OpenAI over either API, Groq, FastAPI. */
const UNKNOWN =
  /Unsupported parameter|Unrecognized request argument|is not supported with this model|inputs are not permitted/i

/** What OpenAI refuses: the same call succeeds without, and with tools over Responses. Summaries are for verified organizations only. */
export function refusalOf({ details }: AIError): 'reasoning' | 'summary' | 'tools' | undefined {
  const { param, code, kind } = details
  if (kind === 'tools-with-reasoning') return 'tools'
  const said = String(details['said'])
  if (param === 'reasoning.summary' || /verified to generate reasoning summar/i.test(said)) return 'summary'
  const isEffort = param === 'reasoning' || EFFORT.test(String(param)) || EFFORT.test(said)
  return isEffort && (code === 'unsupported_parameter' || UNKNOWN.test(said)) ? 'reasoning' : undefined
}
