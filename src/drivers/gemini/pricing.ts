import type { UsageLine } from '../../core/cost.ts'
import type { Bill, Demand, Locality } from '../../core/driver.ts'
import { isObject } from '../../core/error-text.ts'
import type { ChatRequest, EmbedRequest } from '../../core/request.ts'
import type { Message } from '../../core/message.ts'
import { demandOf, fieldsLength, schemaGrowth, withMore } from '../demand.ts'
import { modalityLines, type ModalitySplit } from '../modality-lines.ts'
import type { Billed } from '../rooms.ts'
import { isGoogle, toEmbedSettings, toSettings, toWireTier, type GeminiOptions } from './api.ts'
import { traitsOf } from './models.ts'
import { toWireSchema } from './tools.ts'

type Where = Pick<Billed<GeminiOptions>, 'options' | 'address' | 'model'>

/** Which counts are billed as what: sounds and pictures apart, and what was searched for. */
export function toBill(billed: Billed<GeminiOptions>): Bill {
  const { usage, facts } = billed
  const model = billedModel(billed.model, facts?.['model'])
  const tier = facts?.['serviceTier'] ?? facts?.['servedTier']
  return {
    locality: toLocality(billed),
    vendor: toVendor(billed),
    model,
    lines: [...modalityLines(usage, splitIn(facts)), ...toolLines(model, facts)],
    serviceTier: typeof tier === 'string' ? tier : undefined,
  }
}

/**
 * The most that a request can be billed for. `maxOutputTokens` bounds thoughts, too. What Google's own tools read, and
 * what a cache or an answer that goes on holds, is not in the request: there the model's window is the bound.
 */
export function toDemand(
  request: ChatRequest | EmbedRequest,
  where: Omit<Billed<GeminiOptions>, 'usage' | 'facts'>,
): Demand {
  const told = { ...demandOf(request), vendor: toVendor(where) }
  if ('values' in request) {
    // What they are about is said again with each text.
    return withMore(told, fieldsLength(toEmbedSettings(request.providerOptions)) * request.values.length)
  }
  const demand = withMore(
    told,
    schemaGrowth(request, (one) => toWireSchema(one).schema),
  )
  const { builtIn, request: settings, generation } = toSettings(request.providerOptions)
  const names = request.toolChoice === 'none' ? [] : Object.keys(builtIn)
  const unseen =
    names.length > 0 ||
    'cachedContent' in settings ||
    'continuationToken' in settings ||
    request.messages.some(holdsUnseen)
  // A model for pictures makes some without being asked for them.
  const draws = generation['responseModalities'] !== undefined || /image/.test(request.model)
  return {
    ...demand,
    inputTokens: unseen ? undefined : demand.inputTokens,
    // There is no charge for writing to a cache that Google makes by itself.
    inputKinds: demand.inputKinds.filter((kind) => kind !== 'cache-write'),
    outputKinds: [
      ...demand.outputKinds,
      ...(draws ? (['output-image'] as const) : []),
      ...(generation['responseModalities'] === undefined ? [] : (['output-audio'] as const)),
    ],
    outputBound: 'capped',
    toolCalls: names.flatMap((name) => {
      const billed = BILLED_TOOLS[name]
      return billed === undefined
        ? []
        : [{ name: billed, max: isPerPrompt(billed, request.model) ? 1 : undefined }]
    }),
    serviceTier: toWireTier(request.serviceTier),
  }
}

/** Whether a message of the model has a picture or a file in it, which goes back as it came. */
function holdsUnseen({ content }: Message): boolean {
  if (typeof content === 'string') return false
  return content.some((part) => {
    const owned = 'providerData' in part ? part.providerData : undefined
    const raw = isObject(owned) && isObject(owned['data']) ? owned['data']['part'] : undefined
    return isObject(raw) && (raw['inlineData'] !== undefined || raw['fileData'] !== undefined)
  })
}

/** Google's own tools that have a price of their own; the others cost the tokens that they read. */
const BILLED_TOOLS: Readonly<Record<string, string>> = { googleSearch: 'web-search', googleMaps: 'maps' }

/** Before Gemini 3 a prompt that was searched for is billed, and from then on each query. */
function isPerPrompt(tool: string, model: string): boolean {
  return tool === 'maps' || !traitsOf(model).isGemini3
}

function toolLines(model: string, facts: Billed<GeminiOptions>['facts']): readonly UsageLine[] {
  const lines: UsageLine[] = []
  const queries = facts?.['searchQueries']
  if (typeof queries === 'number' && queries > 0) {
    const quantity = isPerPrompt('web-search', model) ? 1 : queries
    lines.push({ kind: 'tool-call', name: 'web-search', quantity, unit: 'call' })
  }
  if (facts?.['mapsUsed'] === true) lines.push({ kind: 'tool-call', name: 'maps', quantity: 1, unit: 'call' })
  return lines
}

/** An alias has no price of its own: what is billed is the model behind it, which the answer names. */
function billedModel(asked: string, answered: unknown): string {
  const model = asked.replace(/^models\//, '')
  return model.endsWith('-latest') && typeof answered === 'string' ? answered : model
}

function splitIn(facts: Billed<GeminiOptions>['facts']): ModalitySplit {
  const split = facts?.['split']
  return isObject(split) ? (split as unknown as ModalitySplit) : NO_SPLIT
}

const NO_SPLIT: ModalitySplit = { input: {}, cacheRead: {}, output: {} }

function toVendor({ options, address }: Pick<Where, 'options' | 'address'>): string | undefined {
  return options.prices ?? (isGoogle(address.hostname) ? 'gemini' : undefined)
}

/** Google's own models run at Google's, whatever is declared. */
function toLocality({ options, address }: Pick<Where, 'options' | 'address'>): Locality {
  if (isGoogle(address.hostname)) return 'remote'
  return options.local === true ? 'declared' : 'unknown'
}
