import type { Embedded } from '../../core/driver.ts'
import { nearestLevel, type ReasoningLevel } from '../../core/reasoning-level.ts'
import type { ChatRequest, EmbedRequest } from '../../core/request.ts'
import type { Warning } from '../../core/warning.ts'
import type { Step, WireBody } from '../../core/wire.ts'
import { COMPATIBLE_CHAT, OPENAI_CHAT, toWire as toChatWire } from '../../dialects/openai-chat/wire.ts'
import * as embeddings from '../../dialects/openai-embeddings.ts'
import { ignored, OPENAI_RESPONSES, toWire as toResponsesWire } from '../../dialects/openai-responses/wire.ts'
import type { Known, MediaPlaces, WireRequest } from '../rooms.ts'
import { invalid, isChat, isOpenAI, toSettings, type OpenAIOptions, type Settings } from './api.ts'
import { traitsOf, type Effort } from './models.ts'
import { wholeAnswer, type OpenAIState } from './stream.ts'

/** The body of `POST /responses`, or of `POST /chat/completions` where the configuration says `dialect: 'chat'`. */
export function toWire(request: ChatRequest, known: Known<OpenAIOptions>): WireRequest {
  return isChat(known.options) ? toChat(request, known) : toResponses(request, known)
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
  const { effort, rests, warnings } = effortOf(request, settings, known)
  const { imageDetail, include, strict, verbosity } = own
  const reasoning = reasoningOf(request, settings, effort, known)
  const wire = toResponsesWire(request, {
    quirks: OPENAI_RESPONSES,
    ...(Object.keys(reasoning).length > 0 && { reasoning }),
    sampling: rests,
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
  const own = isOpenAI(new URL(known.address.baseUrl).hostname)
  const { effort, rests, warnings } = effortOf(request, settings, known)
  const { verbosity } = settings.own
  const { temperature, topP, stop, serviceTier, ...rest } = request
  const warned = [...settings.warnings, ...warnings]
  // A model that thinks takes none of these, and refuses the whole request (openai.yaml; recorded).
  if (!rests) {
    for (const [option, value] of Object.entries({ temperature, topP, stop })) {
      if (value !== undefined) warned.push(ignored(option, 'the model takes none while it reasons'))
    }
  }
  const sampling = {
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { topP }),
    ...(stop !== undefined && { stop }),
  }
  // The usual tier is said where OpenAI bills, since a project may have set another one; others may not know the word.
  const isSaid = own || known.options.prices !== undefined || serviceTier !== 'default'
  const tier = isSaid && serviceTier !== undefined ? { serviceTier } : {}
  const asked = { ...rest, ...tier, ...(rests && sampling) }
  const wire = toChatWire(asked, {
    quirks: own ? OPENAI_CHAT : COMPATIBLE_CHAT,
    // Known to Responses only; a call over this API would be refused.
    effort: own && effort === 'max' ? 'xhigh' : effort,
    fields: { ...(verbosity !== undefined && { verbosity }), ...settings.fields },
  })
  return { body: wire.body, warnings: [...warned, ...wire.warnings] }
}

/** How hard the model is to think, in the server's own word. */
interface Thinking {
  readonly effort: string | undefined
  /** Whether it does not think, as far as is known: then it takes `temperature` and `topP`. */
  readonly rests: boolean
  readonly warnings: readonly Warning[]
}

/** Levels that a model takes of which nothing is known. */
const USUAL: readonly Effort[] = ['none', 'low', 'medium', 'high']

function effortOf(
  { model, reasoning }: ChatRequest,
  { own }: Settings,
  { memory }: Known<OpenAIOptions>,
): Thinking {
  const { efforts, restsByDefault } = traitsOf(model)
  const exact = own.reasoningEffort
  if (exact !== undefined) return { effort: exact, rests: exact === 'none', warnings: [] }
  if (reasoning === undefined) return { effort: undefined, rests: restsByDefault, warnings: [] }
  const cannot = efforts?.length === 0 || memory.refusesReasoning === true
  const taken = cannot ? USUAL : (efforts ?? USUAL)
  const { level, warnings } = nearestLevel(reasoning, taken.flatMap(levelOf))
  if (cannot) return { effort: undefined, rests: true, warnings: level === 'off' ? [] : [CANNOT_THINK] }
  const effort = level === 'max' && !taken.includes('max') ? 'xhigh' : level === 'off' ? 'none' : level
  return { effort, rests: effort === 'none', warnings }
}

const CANNOT_THINK: Warning = {
  code: 'reasoning-unsupported',
  message: 'The model cannot think: reasoning was left out. Use a model that can; `groat models` says which',
  details: {},
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
