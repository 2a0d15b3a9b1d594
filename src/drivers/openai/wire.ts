import type { Embedded } from '../../core/driver.ts'
import { neededBy, offersTools } from '../../core/needs.ts'
import { CANNOT_THINK, nearestLevel, type ReasoningLevel } from '../../core/reasoning-level.ts'
import type { ChatRequest, EmbedRequest } from '../../core/request.ts'
import { ignored, type Warning } from '../../core/warning.ts'
import type { Step, WireBody } from '../../core/wire.ts'
import { COMPATIBLE_CHAT, OPENAI_CHAT, toWire as toChatWire } from '../../dialects/openai-chat/wire.ts'
import * as embeddings from '../../dialects/openai-embeddings.ts'
import {
  OPENAI_RESPONSES,
  toWire as toResponsesWire,
  WHILE_THINKING,
} from '../../dialects/openai-responses/wire.ts'
import type { Known, MediaPlaces, WireRequest } from '../rooms.ts'
import { invalid } from '../settings.ts'
import { hostsOpenAI, isChat, RESPONSES_PATH, toSettings, type OpenAIOptions, type Settings } from './api.ts'
import { traitsOf, type Effort } from './models.ts'
import { wholeAnswer, type OpenAIState } from './stream.ts'

/** The body of `POST /responses`, or of `POST /chat/completions` where the configuration says `dialect: 'chat'`. */
export function toWire(request: ChatRequest, known: Known<OpenAIOptions>): WireRequest {
  if (!isChat(known.options)) return toResponses(request, known)
  // The model has been seen to take no tools over this API, and OpenAI says which one it takes them over.
  const isMoved =
    known.memory.refusesTools === true && offersTools(request) && !neededBy(request).has('audio')
  return isMoved ? { ...toResponses(request, known), path: RESPONSES_PATH } : toChat(request, known)
}

const WEB: readonly string[] = ['https://', 'http://']

/**
 * Pictures and, over Responses, files are read by their addresses and ids (openai.yaml). A server of one's own gets bytes
 * only: it would read addresses from inside of the network that it stands in, and many cannot.
 */
export function takenMedia(_model: string, options: OpenAIOptions): MediaPlaces {
  if (options.local === true) return {}
  if (isChat(options)) return { messages: { urls: { image: WEB }, fileIds: ['file'] } }
  const taken = { urls: { image: WEB, file: WEB }, fileIds: ['image', 'file'] } as const
  return { messages: taken, results: taken }
}

function toResponses(request: ChatRequest, known: Known<OpenAIOptions>): WireRequest {
  const settings = toSettings(request.providerOptions, 'responses')
  const { fields, hostedTools, own } = settings
  const { effort, takesSampling, warnings } = effortOf(request, settings, known)
  const { imageDetail, include, strict, verbosity } = own
  const reasoning = reasoningOf(request, settings, effort, known)
  const wire = toResponsesWire(request, {
    quirks: OPENAI_RESPONSES,
    ...(Object.keys(reasoning).length > 0 && { reasoning }),
    sampling: takesSampling,
    hostedTools,
    imageDetail,
    include,
    strict,
    ...(verbosity !== undefined && { text: { verbosity } }),
    fields,
  })
  return { body: wire.body, warnings: [...settings.warnings, ...warnings, ...wire.warnings] }
}

/** Thoughts are summed up for those who ask for them: without being asked to, OpenAI shows none. */
function reasoningOf(
  { reasoning }: ChatRequest,
  { own }: Settings,
  effort: string | undefined,
  { memory }: Known<OpenAIOptions>,
): Readonly<Record<string, unknown>> {
  const wanted = reasoning !== undefined && reasoning !== 'off' && effort !== 'none' && effort !== undefined
  const summary = own.reasoningSummary ?? (wanted && memory.refusesSummary !== true ? 'auto' : undefined)
  return {
    ...(effort !== undefined && { effort }),
    ...(summary !== undefined && summary !== 'none' && { summary }),
    ...(own.reasoningContext !== undefined && { context: own.reasoningContext }),
    ...(own.reasoningMode !== undefined && { mode: own.reasoningMode }),
  }
}

function toChat(request: ChatRequest, known: Known<OpenAIOptions>): WireRequest {
  const settings = toSettings(request.providerOptions, 'chat')
  const own = hostsOpenAI(known.address.hostname)
  const { effort, takesSampling, takesStop, warnings } = effortOf(request, settings, known)
  const { verbosity, imageDetail, strict } = settings.own
  const { temperature, topP, stop, serviceTier, ...rest } = request
  const warned = [...settings.warnings, ...warnings]
  if (!takesSampling && temperature !== undefined) warned.push(ignored('temperature', WHILE_THINKING))
  if (!takesSampling && topP !== undefined) warned.push(ignored('topP', WHILE_THINKING))
  if (!takesStop && stop !== undefined) warned.push(ignored('stop', 'no model takes it that can reason'))
  const sampling = {
    ...(takesSampling && temperature !== undefined && { temperature }),
    ...(takesSampling && topP !== undefined && { topP }),
    ...(takesStop && stop !== undefined && { stop }),
  }
  // The usual tier is said where OpenAI bills, since a project may have set another one; others may not know the word.
  const isSaid = own || known.options.prices !== undefined || serviceTier !== 'default'
  const tier = isSaid && serviceTier !== undefined ? { serviceTier } : {}
  const asked = { ...rest, ...tier, ...sampling }
  const wire = toChatWire(asked, {
    quirks: own ? OPENAI_CHAT : COMPATIBLE_CHAT,
    // Known to Responses only; a call over this API would be refused.
    effort: own && effort === 'max' ? 'xhigh' : effort,
    imageDetail,
    strict,
    fields: { ...(verbosity !== undefined && { verbosity }), ...settings.fields },
  })
  return { body: wire.body, warnings: [...warned, ...wire.warnings] }
}

/** How hard the model is to think, in the server's own word, and what it refuses for it. */
interface Thinking {
  readonly effort: string | undefined
  /** Whether `temperature` and `topP` are taken: OpenAI's models refuse the whole request for them while they think. */
  readonly takesSampling: boolean
  /** Whether `stop` is taken: those that can think refuse it while they rest as well. */
  readonly takesStop: boolean
  readonly warnings: readonly Warning[]
}

function effortOf(request: ChatRequest, { own }: Settings, known: Known<OpenAIOptions>): Thinking {
  const { efforts, restsByDefault } = traitsOf(request.model)
  const cannot = efforts?.length === 0 || known.memory.refusesReasoning === true
  const { effort, warnings } = own.reasoningEffort
    ? { effort: own.reasoningEffort, warnings: [] }
    : askedEffort(request, efforts ?? USUAL, cannot)
  const thinks = effort === undefined ? !restsByDefault : effort !== 'none'
  // A model that is not known is one of OpenAI's where it has them only: those of others take all of it.
  const canThink = !cannot && (efforts !== undefined || (thinks && hostsOpenAI(known.address.hostname)))
  return { effort, takesSampling: !(canThink && thinks), takesStop: !canThink, warnings }
}

/** Levels that a model takes of which nothing is known. */
const USUAL: readonly Effort[] = ['none', 'low', 'medium', 'high']

function askedEffort(
  { reasoning }: ChatRequest,
  efforts: readonly Effort[],
  cannot: boolean,
): Pick<Thinking, 'effort' | 'warnings'> {
  if (reasoning === undefined) return { effort: undefined, warnings: [] }
  const taken = cannot ? USUAL : efforts
  const { level, warnings } = nearestLevel(reasoning, taken.flatMap(levelOf))
  if (cannot) return { effort: undefined, warnings: level === 'off' ? [] : [CANNOT_THINK] }
  const effort = level === 'max' && !taken.includes('max') ? 'xhigh' : level === 'off' ? 'none' : level
  return { effort, warnings }
}

/** The neutral levels behind OpenAI's words; the most that a model has is the highest. */
function levelOf(effort: Effort): readonly ReasoningLevel[] {
  if (effort === 'none') return ['off']
  return [effort === 'xhigh' ? 'max' : effort]
}

/** A whole answer. */
export function fromWire(json: unknown): Step<OpenAIState> {
  return wholeAnswer(json)
}

/** The body of `POST /embeddings`. @throws AIError `request_invalid` */
export function toEmbedWire(request: EmbedRequest): WireBody {
  const unknown = Object.keys(request.providerOptions).find((name) => name !== 'safetyIdentifier')
  if (unknown !== undefined)
    throw invalid(`There is no setting providerOptions.openai.${unknown} for texts to embed`)
  const user = request.providerOptions['safetyIdentifier']
  return embeddings.toEmbedWire(request, user === undefined ? {} : { user })
}

/** What an answer of `POST /embeddings` says. @throws AIError `response_invalid` */
export function fromEmbedWire(json: unknown, request: EmbedRequest): Omit<Embedded, 'warnings'> {
  return embeddings.fromEmbedWire(json, request)
}
