import type { Call, EmbedCall } from '../core/call.ts'
import { toEmbedValues, toMessages } from '../core/check-input.ts'
import { checkEmbedOptions, checkOptions } from '../core/check-options.ts'
import { AIError } from '../core/errors.ts'
import type { Input } from '../core/message.ts'
import { nearest } from '../core/nearest.ts'
import type { Attribution, CallOptions, ChatRequest, EmbedOptions, Sampling } from '../core/request.ts'
import { toAmount } from '../core/usd.ts'
import { prepareSchema } from '../tools/prepare-schema.ts'
import { checkToolChoice, prepareTools } from '../tools/tool.ts'
import type { Engine } from './engine.ts'

/** What a handle stands for: a provider, and options that go with every call. */
export interface Selection {
  readonly provider?: string
  readonly options: CallOptions
}

export interface Target {
  readonly provider: string
  readonly model: string
}

/** Retries of a call for which neither the call nor the configuration says how many. */
const RETRIES_DEFAULT = 2
/** Rounds of tool calls of a call that does not say how many. */
const ROUNDS_DEFAULT = 8

/** Which provider and model a call goes to: the call's own model first, then the handle's, then the configured one. */
export function findTarget(
  engine: Engine,
  selection: Selection,
  own?: string,
): Partial<Target> & Pick<Target, 'provider'> {
  const id = own ?? selection.options.model
  const slash = id?.indexOf('/') ?? -1
  if (selection.provider === undefined && id !== undefined && slash > 0) {
    const name = id.slice(0, slash)
    if (engine.providers.has(name)) return { provider: name, model: id.slice(slash + 1) }
    // Model ids have slashes of their own; a provider's name with a slip of the finger is not one of them.
    if (nearest(name, engine.providers.keys()) !== undefined) engine.provider(name)
  }
  const provider = engine.provider(selection.provider ?? engine.defaultProvider)
  const model = id ?? provider.model
  return { provider: provider.name, ...(model === undefined ? {} : { model }) }
}

/** The same, where a model must be named. @throws AIError `request_invalid` */
export function targetOf(engine: Engine, selection: Selection, own?: string): Target {
  const { provider, model } = findTarget(engine, selection, own)
  if (model !== undefined) return { provider, model }
  const message = `No model was named for ${provider}: use .model(id), the option model, or providers.${provider}.model`
  throw new AIError({ code: 'request_invalid', message, provider })
}

/** What comes with a call beside its options. */
export interface Surroundings {
  readonly sink: Call['sink']
  readonly signal: Call['signal']
}

/** Checks everything that can be checked before anything is sent, and makes the call of it. @throws AIError */
export function buildCall(
  engine: Engine,
  selection: Selection,
  input: Input,
  given: CallOptions,
  { sink, signal }: Surroundings,
): Call {
  checkOptions(given)
  const options = { ...selection.options, ...given }
  const target = targetOf(engine, selection, given.model)
  const tools = prepareTools(options.tools ?? [])
  checkToolChoice(options.toolChoice, tools)
  const output = options.output && prepareSchema(options.output, 'output')
  const request: ChatRequest = {
    ...pick(options, SAMPLING),
    model: target.model,
    messages: toMessages(input, options.system),
    stream: sink !== undefined,
    providerOptions: ownOptions(engine, target.provider, options),
    ...(tools.size > 0 && { tools: [...tools.values()].map((one) => one.definition) }),
    ...(output && { output: output.jsonSchema }),
  }
  const { budget, onLimit, providerOptions } = options
  return {
    id: engine.runtime.id(),
    provider: target.provider,
    request,
    attribution: attributionOf(options),
    signal,
    deadlineMs: deadlineOf(engine, options),
    retries: retriesOf(engine, target.provider, options),
    budget: budget === undefined ? undefined : toAmount(budget),
    onLimit,
    providerOptions,
    tools,
    maxRounds: options.maxRounds ?? ROUNDS_DEFAULT,
    output,
    repairOutput: options.repairOutput ?? false,
    sink,
  }
}

/** Options of a handle that concern its embedding calls as well. */
const INHERITED = [
  'user',
  'project',
  'organization',
  'key',
  'tags',
  'budget',
  'onLimit',
  'signal',
  'timeoutMs',
  'retries',
  'providerOptions',
] as const

/** The same for texts that become vectors. Options of a handle that are about answers do not concern it. */
export function buildEmbedCall(
  engine: Engine,
  selection: Selection,
  values: string | readonly string[],
  given: EmbedOptions,
): EmbedCall {
  checkEmbedOptions(given)
  const options: EmbedOptions = { ...pick(selection.options, INHERITED), ...given }
  const target = targetOf(engine, selection, given.model)
  const request = {
    model: target.model,
    values: toEmbedValues(values),
    ...(options.dimensions === undefined ? {} : { dimensions: options.dimensions }),
    providerOptions: ownOptions(engine, target.provider, options),
  }
  const { budget, onLimit, providerOptions } = options
  return {
    id: engine.runtime.id(),
    provider: target.provider,
    request,
    attribution: attributionOf(options),
    signal: options.signal,
    deadlineMs: deadlineOf(engine, options),
    retries: retriesOf(engine, target.provider, options),
    budget: budget === undefined ? undefined : toAmount(budget),
    onLimit,
    providerOptions,
  }
}

/** The settings for a provider's driver, whatever name the provider was given. */
export function ownOptions(
  engine: Engine,
  provider: string,
  { providerOptions }: { readonly providerOptions?: CallOptions['providerOptions'] },
): ChatRequest['providerOptions'] {
  return providerOptions?.[engine.provider(provider).driver] ?? {}
}

/** Until when a call is tried. */
function deadlineOf({ runtime }: Engine, { timeoutMs }: Pick<EmbedOptions, 'timeoutMs'>): number | undefined {
  return timeoutMs === undefined ? undefined : runtime.clock.elapsed() + timeoutMs
}

/** How often it is tried again. */
function retriesOf(engine: Engine, provider: string, { retries }: Pick<EmbedOptions, 'retries'>): number {
  return retries ?? engine.provider(provider).options.retries ?? RETRIES_DEFAULT
}

const ATTRIBUTION = ['user', 'project', 'organization', 'key', 'tags'] as const

export function attributionOf(options: Attribution): Attribution {
  return pick(options, ATTRIBUTION)
}

const SAMPLING = [
  'maxOutputTokens',
  'temperature',
  'topP',
  'topK',
  'stop',
  'seed',
  'reasoning',
  'toolChoice',
  'serviceTier',
] as const satisfies readonly (keyof Sampling)[]

type Picked<T, Name extends keyof T> = { [K in Name]?: Exclude<T[K], undefined> }

/** The named options that were given. */
function pick<T extends object, Name extends keyof T>(from: T, names: readonly Name[]): Picked<T, Name> {
  const picked: Picked<T, Name> = {}
  for (const name of names) {
    const value = from[name]
    if (value !== undefined) picked[name] = value as Exclude<T[Name], undefined>
  }
  return picked
}
