import type { Bill, Demand, Locality } from '../../core/driver.ts'
import type { ChatRequest, EmbedRequest } from '../../core/request.ts'
import { demandOf, schemaGrowth, withMore } from '../demand.ts'
import { lowerSchema } from '../lower-schema.ts'
import type { Billed } from '../rooms.ts'
import { tokenLines } from '../token-lines.ts'
import { isOllamaCloud, type OllamaOptions } from './api.ts'

/** Which counts are billed as what, and where the model ran. */
export function toBill(billed: Billed<OllamaOptions>): Bill {
  return { locality: toLocality(billed), model: billed.model, lines: tokenLines(billed.usage) }
}

/** The most that a request can be billed for; schemas of tools are written out for the templates that print them. */
export function toDemand(request: ChatRequest | EmbedRequest): Demand {
  if ('values' in request) return demandOf(request)
  const { output: _, ...rest } = request
  const grown = schemaGrowth(rest, (schema) => {
    const { schema: lowered, description } = lowerSchema(schema)
    return { ...lowered, description }
  })
  return withMore(demandOf(request), grown)
}

/** What the answer says of itself outweighs what was known before; what the user declares never makes a cloud free. */
function toLocality({ options, address, model, profile, facts }: Billed<OllamaOptions>): Locality {
  if (facts?.['remoteHost'] !== undefined || facts?.['remoteModel'] !== undefined) return 'remote'
  const { hostname } = address
  const proven =
    profile?.local === undefined ? byAddress({ model, hostname }) : profile.local ? 'local' : 'remote'
  if (proven === 'remote') return 'remote'
  if (options.local === true) return proven === 'local' ? 'local' : 'declared'
  return options.local === false ? 'unknown' : proven
}

interface Described {
  readonly remote_host?: unknown
  readonly remote_model?: unknown
  readonly size?: unknown
  readonly details?: Readonly<Record<string, unknown>>
  readonly model_info?: Readonly<Record<string, unknown>>
}

/** Smallest file of weights, in bytes: what stands for a cloud model is a few hundred. */
const WEIGHTS_BYTES_MIN = 10_000

/**
 * Whether a model runs on the server that was asked, or in the cloud behind it. An Ollama server passes calls on to
 * the cloud by the model's name, or for a stub that hides it; only weights on its own disk prove that it does not
 * (ollama/ollama server/routes.go, types/model).
 */
export function localityOf(asked: { model: string; hostname: string; described: Described }): Locality {
  const { described } = asked
  const known = byAddress(asked)
  if (known === 'remote') return known
  if (described.remote_host || described.remote_model) return 'remote'
  const format = described.details?.['format']
  const hasWeights =
    typeof described.size === 'number'
      ? described.size >= WEIGHTS_BYTES_MIN
      : typeof described.model_info?.['general.architecture'] === 'string'
  return (format === 'gguf' || format === 'safetensors') && hasWeights ? 'local' : known
}

/** What the host and the name alone say: a suffix after the last colon, and nothing else, makes a name a cloud name. */
function byAddress({ model, hostname }: { model: string; hostname: string }): Locality {
  if (isOllamaCloud(hostname)) return 'remote'
  const colon = model.lastIndexOf(':')
  const suffix = colon < 0 ? '' : model.slice(colon + 1).toLowerCase()
  if (suffix === 'cloud' || (suffix.endsWith('-cloud') && !suffix.includes('/'))) return 'remote'
  return suffix === 'local' ? 'local' : 'unknown'
}
