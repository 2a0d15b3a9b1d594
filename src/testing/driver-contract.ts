import assert from 'node:assert/strict'
import { createAI, type Client } from '../ai.ts'
import type { AIConfig } from '../config/config.ts'
import type { Capability } from '../core/capability.ts'
import type { ErrorCode } from '../core/errors.ts'
import type { AIResponse } from '../core/response.ts'

/** What a far end is told to answer, in words that every provider has. */
export interface ContractReply {
  readonly pieces?: readonly string[]
  /** What the model thinks before the text. */
  readonly reasoning?: string
  /** What the model asks for after the text. */
  readonly toolCalls?: readonly {
    readonly name: string
    readonly arguments: Readonly<Record<string, unknown>>
  }[]
  readonly inputTokens?: number
  readonly outputTokens?: number
  /** The counts are not told. */
  readonly silentUsage?: boolean
  /** The answer ends because it is long enough. */
  readonly length?: boolean
  /** Fails before anything is sent. */
  readonly failure?: 'unavailable' | 'rate-limited' | 'unauthorized' | 'model-missing'
  /** The connection ends after so many pieces, without an end. */
  readonly cutAfter?: number
  /** After so many pieces, the rest waits until the function that `hold` gave is called. */
  readonly hold?: { readonly after: number; readonly until: Promise<unknown> }
}

/** What a far end is told to answer to texts that become vectors. */
export interface ContractVectors {
  readonly vectors: readonly (readonly number[])[]
  readonly inputTokens: number
}

/** A provider's server or its stand-in, as a contract case uses it. */
export interface ContractFarEnd {
  reply(...replies: readonly ContractReply[]): void
  /**
   * The bodies of the chat requests that came, oldest first, as `{ model, messages: [{ role, content }] }`; each result
   * of a tool is a message of its own, its content a text or JSON.
   */
  chatRequests(): readonly {
    readonly model: string
    readonly messages: readonly { role: string; content: string }[]
  }[]
  /** Base64 of the pictures and sounds of all chat requests; for drivers that declare `vision` or `audio`. */
  mediaSent?(): readonly string[]
  /** Says what the next request for vectors is answered; for drivers that declare `embeddings`. */
  replyVectors?(reply: ContractVectors): void
  /** The requests for vectors that came, oldest first; likewise. */
  embedRequests?(): readonly { readonly model: string; readonly values: readonly string[] }[]
  close(): Promise<void>
}

/** One driver with one far end; what runs over it is decided by `capabilities` alone. */
export interface ContractSubject {
  readonly name: string
  readonly capabilities: readonly Capability[]
  /** Whether its answers are free (proven local) or billed at the contract's prices. */
  readonly billing: 'free' | 'priced'
  /** Starts a far end, and says how to reach it. `model` is one that it has, `embedModel` one that makes vectors (the same by default). */
  open(): Promise<{
    readonly providers: NonNullable<AIConfig['providers']>
    readonly provider: string
    readonly model: string
    readonly embedModel?: string
    readonly far: ContractFarEnd
  }>
  /** How to reach a server that is not there. */
  readonly down: NonNullable<AIConfig['providers']>
}

/** What a case works with: a client of its own, over a far end of its own. */
export interface ContractWorld {
  readonly ai: Client
  readonly subject: ContractSubject
  readonly provider: string
  readonly model: string
  readonly embedModel: string
  readonly far: ContractFarEnd
}

/** One sentence that must be true of every driver that declares `needs`. */
export interface ContractCase {
  readonly name: string
  readonly needs: readonly Capability[]
  run(world: ContractWorld): Promise<void>
}

/** The contract's own prices: dollars per million tokens, so that a bill can be checked to the last digit. */
export const CONTRACT_PRICES = { input: '0.15', output: '0.60' } as const

/** Runs one case over one subject, with a client and a far end that exist for nothing else. */
export async function runContractCase(one: ContractCase, subject: ContractSubject): Promise<void> {
  const { providers, provider, model, embedModel = model, far } = await subject.open()
  const prices = [...new Set([model, embedModel])].map((one) => ({
    provider,
    model: one,
    perMillionTokens: CONTRACT_PRICES,
  }))
  const noWaiting = { random: () => 0 }
  const ai = createAI({ providers, prices, runtime: noWaiting })
  try {
    await one.run({ ai, subject, provider, model, embedModel, far })
  } finally {
    await ai.close()
    await far.close()
  }
}

/** Checks an answer's bill to the last digit, and that the ledger holds the same. */
export async function assertBill(
  world: ContractWorld,
  answer: AIResponse,
  expected: { readonly input: number; readonly output: number; readonly amount: string },
): Promise<void> {
  const { cost, usage } = answer
  assert.equal(usage.inputTokens, expected.input)
  assert.equal(usage.outputTokens, expected.output)
  const quantities = cost.lines.map(({ kind, quantity }) => [kind, quantity])
  assert.deepEqual(quantities, [
    ['input', expected.input],
    ['output', expected.output],
  ])
  assert.equal(cost.status, world.subject.billing === 'free' ? 'free' : 'exact')
  assert.equal(String(cost.amount), world.subject.billing === 'free' ? '0' : expected.amount)
  const entries = []
  for await (const entry of world.ai.ledger.entries({ callId: answer.id })) entries.push(entry)
  assert.deepEqual(
    entries.map((entry) => entry.cost),
    answer.attempts.map((attempt) => attempt.cost),
  )
}

/** Checks that a promise fails with an error code, and gives the error. */
export async function assertFails(
  promise: Promise<unknown>,
  code: ErrorCode,
): Promise<Error & { code: ErrorCode }> {
  try {
    await promise
  } catch (error) {
    assert.equal((error as { code?: unknown }).code, code, String(error))
    return error as Error & { code: ErrorCode }
  }
  return assert.fail(`Expected ${code}, but the call succeeded`)
}
