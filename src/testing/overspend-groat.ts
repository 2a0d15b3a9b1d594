import { join } from 'node:path'
import { createAI, type Client } from '../ai.ts'
import { isAIError } from '../core/errors.ts'
import type { Tool } from '../core/tool.ts'
import type { ModelPrice } from '../pricing/price-list.ts'
import { Amount } from '../money/amount.ts'
import { sum } from '../money/picos.ts'
import type {
  OverspendAsk,
  OverspendOutcome,
  OverspendSetup,
  OverspendSubject,
  OverspendWorld,
} from './overspend.ts'

/** Where groat keeps its books while it is tried. */
export interface GroatSubjectOptions {
  /** `'sqlite'` is a file in the folder of the run. @default 'memory' */
  readonly ledger?: 'memory' | 'sqlite' | `postgres${string}`
  /** What the budgets do with a call that does not fit. @default 'reject' */
  readonly onLimit?: 'reject' | 'fit'
}

const PROVIDER = 'metered'

/** groat itself, as a user sets it up: the OpenAI driver at the provider's address, own prices, and budgets. */
export function groatSubject(options: GroatSubjectOptions = {}): OverspendSubject {
  const { ledger = 'memory' } = options
  const store = ledger.startsWith('postgres') ? 'postgres' : ledger
  return {
    name: `groat, ${store}`,
    abilities: [
      'dated-prices',
      'tools',
      'embeddings',
      'scopes',
      // PostgreSQL has its own clock, and memory is one process's.
      ...(store === 'postgres' ? [] : (['clock'] as const)),
      ...(store === 'memory' ? [] : (['processes'] as const)),
    ],
    ...(store !== 'memory' && {
      worker: { module: import.meta.url, name: 'groatSubject', options },
    }),
    open: async (world) => openGroat(world, options),
  }
}

async function openGroat(
  world: OverspendWorld,
  { ledger = 'memory', onLimit = 'reject' }: GroatSubjectOptions,
): Promise<OverspendSetup> {
  const { baseUrl, apiKey, clock, limits, folder, models } = world
  // Loaded here: who tests with a stand-in for Ollama needs none of it.
  const { openai } = await import('../drivers/openai/index.ts')
  const dated = Object.values(models).some(({ changes }) => changes !== undefined)
  const ai = createAI({
    providers: {
      // A published price is known with its dates.
      [PROVIDER]: openai({ dialect: 'chat', baseUrl, apiKey, ...(dated && { prices: 'gemini' }) }),
    },
    prices: Object.entries(models).flatMap(([model, price]) => toOwnPrice(model, price)),
    budgets: limits.map(({ scope, id, period, limit }) => ({
      scope,
      id: ownName(world, id),
      period,
      limit,
      onLimit,
    })),
    ledger:
      ledger === 'memory' ? 'memory:' : ledger === 'sqlite' ? `sqlite:${join(folder, 'ledger.db')}` : ledger,
    runtime: { clock, random: () => 0 },
  })
  return {
    call: (ask) => callGroat(ai, world, ask),
    accounted: () => accountedBy(ai, world),
    verify: async () => (await ai.ledger.verify()).discrepancies.map(({ message }) => message),
    close: () => ai.close(),
  }
}

/** Names of this run alone, in a database that others use too. */
function ownName({ id }: OverspendWorld, name: string): string {
  return `${name}-${id}`
}

function toOwnPrice(model: string, price: OverspendWorld['models'][string]): readonly ModelPrice[] {
  const { input, output, longContext, changes } = price
  if (changes) return []
  const long = longContext && [
    { above: longContext.above, perMillionTokens: { input: longContext.input, output: longContext.output } },
  ]
  const perMillionTokens = { input, output }
  return [{ provider: PROVIDER, model, perMillionTokens, ...(long && { longContext: long }) }]
}

async function callGroat(ai: Client, world: OverspendWorld, ask: OverspendAsk): Promise<OverspendOutcome> {
  try {
    await send(ai, world, ask)
    return 'answered'
  } catch (error) {
    if (isRefusal(error)) return 'refused'
    if (!isAIError(error)) throw error
    return ask.fallback === undefined
      ? 'failed'
      : callGroat(ai, world, { ...withoutFallback(ask), model: ask.fallback })
  }
}

function withoutFallback({ fallback: _, ...ask }: OverspendAsk): OverspendAsk {
  return ask
}

function isRefusal(error: unknown): boolean {
  return isAIError(error, 'budget_exceeded') || isAIError(error, 'price_unknown')
}

const LOOK: Tool = {
  name: 'look',
  description: 'Looks at something',
  input: { type: 'object', properties: { at: { type: 'string' } } },
  run: () => 'It is there',
}

async function send(ai: Client, world: OverspendWorld, ask: OverspendAsk): Promise<void> {
  const { model, prompt, user, project, maxOutputTokens, retries = 0, signal, timeoutMs, stream, tools } = ask
  const who = {
    model,
    user: ownName(world, user),
    ...(project !== undefined && { project: ownName(world, project) }),
    retries,
    ...(signal && { signal }),
    ...(timeoutMs !== undefined && { timeoutMs }),
  }
  if (ask.embed !== undefined) {
    await ai.embed(Array<string>(ask.embed).fill(prompt), who)
    return
  }
  const options = {
    ...who,
    ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    ...(tools === true && { tools: [LOOK] }),
  }
  if (stream !== true) {
    await ai.sendMessage(prompt, options)
    return
  }
  let pieces = 0
  for await (const event of ai.streamMessage(prompt, options)) {
    if (event.type !== 'text-delta') continue
    ask.onPiece?.()
    if (++pieces === ask.stopAfter) break
  }
}

/** What all entries of this run's user cost, and what is held for calls that were not heard of yet. */
async function accountedBy(ai: Client, world: OverspendWorld): Promise<string> {
  const user = ownName(world, 'ada')
  const standing = await ai.budgets.status({ user })
  const totals = await ai.ledger.totals({ user })
  return String(
    new Amount(sum([...totals.map(({ cost }) => cost.picos), ...standing.map(({ held }) => held.picos)])),
  )
}
