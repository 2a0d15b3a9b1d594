import { isObject } from '../../core/error-text.ts'
import { hasMedia } from '../../core/media-parts.ts'
import { nearestLevel } from '../../core/reasoning-level.ts'
import type { ChatRequest } from '../../core/request.ts'
import { ignored, type Warning } from '../../core/warning.ts'
import type { Step } from '../../core/wire.ts'
import * as dialect from '../../dialects/openai-responses/wire.ts'
import type { Known, MediaPlaces, WireRequest } from '../rooms.ts'
import { toSettings, type XaiOptions } from './api.ts'
import { traitsOf } from './models.ts'
import { INITIAL, type XaiState } from './stream.ts'

/**
 * How xAI differs from OpenAI (docs.x.ai, api-reference). What the system says goes into the conversation, since
 * `instructions` is refused where an earlier answer is continued.
 */
const XAI: dialect.ResponsesQuirks = {
  systemIn: 'input',
  thoughtStatus: true,
  takes: new Set(['seed', 'topK']),
  outputTokensMin: 1,
}

/** The body of `POST /responses`. */
export function toWire(request: ChatRequest, known: Known<XaiOptions>): WireRequest {
  const { fields, hostedTools, store, include } = toSettings(request.providerOptions)
  const { effort, warnings } = effortOf(request, known)
  // Storing an answer about a picture may fail, and the answer with it.
  const stores = store && !hasMedia(request)
  if (store && !stores) warnings.push(ignored('providerOptions.xai.store', 'xAI may fail to store pictures'))
  const wire = dialect.toWire(request, {
    quirks: XAI,
    reasoning: effort === undefined ? undefined : { effort },
    hostedTools,
    include,
    fields: stores ? { ...fields, store } : fields,
  })
  const { input } = wire.body
  const body = { ...wire.body, input: Array.isArray(input) ? input.flatMap(toOwnItems) : input }
  return { body, warnings: [...warnings, ...wire.warnings] }
}

const WEB: readonly string[] = ['https://', 'http://']

/**
 * Pictures and files are read by their addresses, and files by their ids (docs.x.ai, api-reference). Results of tools are
 * text there; that they can hold pictures is seen in vercel/ai packages/xai.
 */
export function takenMedia(_model: string, options: XaiOptions): MediaPlaces {
  // A server of one's own would read addresses from inside of the network that it stands in.
  const urls = options.local === true ? {} : { image: WEB, file: WEB }
  return { messages: { urls, fileIds: ['file'] }, results: { urls, types: ['image'] } }
}

/**
 * What xAI takes of the items of a conversation. Calls of its own tools stay out: they have no result beside them, and an
 * id that is empty (vercel/ai packages/xai leaves them out as well). Files are plain base64, with their type beside it.
 */
function toOwnItems(item: unknown): readonly unknown[] {
  if (!isObject(item)) return [item]
  const { type, content } = item
  if (typeof type === 'string' && type.endsWith('_call') && type !== 'function_call') return []
  return [Array.isArray(content) ? { ...item, content: content.map(toOwnPart) } : item]
}

function toOwnPart(part: unknown): unknown {
  if (!isObject(part) || part['type'] !== 'input_file' || typeof part['file_data'] !== 'string') return part
  const [, mediaType, data] = /^data:([^;,]*);base64,(.*)$/s.exec(part['file_data']) ?? []
  return data === undefined ? part : { ...part, file_data: data, mime_type: mediaType }
}

/** xAI's own words for the levels that it calls otherwise. */
const EFFORTS: Readonly<Record<string, string>> = { off: 'none', max: 'xhigh' }

/** How hard the model is to think, as far as it can be told: some models refuse the field whatever it says. */
function effortOf(
  { model, reasoning }: ChatRequest,
  { memory }: Known<XaiOptions>,
): { readonly effort: string | undefined; readonly warnings: Warning[] } {
  if (reasoning === undefined) return { effort: undefined, warnings: [] }
  const { levels, reasons } = traitsOf(model)
  if (levels.length > 0 && memory.refusesReasoning !== true) {
    const { level, warnings } = nearestLevel(reasoning, levels)
    return { effort: EFFORTS[level] ?? level, warnings: [...warnings] }
  }
  // A wrong word is told all the same, and what does not think is off without being told.
  const { level } = nearestLevel(reasoning, ['off', 'minimal', 'low', 'medium', 'high', 'max'])
  const isSo = level === 'off' && !reasons
  const why = reasons ? 'this model thinks as hard as it likes' : 'this model does not think'
  return {
    effort: undefined,
    warnings: isSo ? [] : [ignored('reasoning', `${why}, and takes no level`)],
  }
}

/** A whole answer. */
export function fromWire(json: unknown): Step<XaiState> {
  return dialect.fromWire(json, INITIAL)
}
