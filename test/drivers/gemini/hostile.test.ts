import { toError } from '../../../src/drivers/gemini/errors.ts'
import { fromEmbedWire, fromWire } from '../../../src/drivers/gemini/wire.ts'
import { geminiFixtures } from '../../fixtures/gemini/index.ts'
import { describeHostile, describeHostileVectors } from '../hostile.ts'
import { failure, offline } from './world.ts'

const NAMES = [
  'candidates',
  'content',
  'parts',
  'text',
  'thought',
  'thoughtSignature',
  'functionCall',
  'id',
  'name',
  'args',
  'finishReason',
  'finishMessage',
  'promptFeedback',
  'blockReason',
  'usageMetadata',
  'promptTokenCount',
  'error',
  'candidatesTokenCount',
  'thoughtsTokenCount',
  'toolUsePromptTokenCount',
  'cachedContentTokenCount',
  'modelVersion',
  'promptTokensDetails',
  'modality',
  'tokenCount',
  'groundingMetadata',
  'webSearchQueries',
  'groundingChunks',
  'serviceTier',
  'responseId',
  'continuationToken',
  'inlineData',
  'status',
  'code',
  'message',
  'details',
]

describeHostile({
  offline,
  names: NAMES,
  words: ['STOP', 'SAFETY', 'MALFORMED_FUNCTION_CALL', 'AUDIO', 'IMAGE'],
  streams: Object.values(geminiFixtures).map(({ bytes }) => bytes),
  toError,
  failure,
  fromWire,
})

describeHostileVectors({ names: ['values'] }, (embeddings, request) => fromEmbedWire({ embeddings }, request))
