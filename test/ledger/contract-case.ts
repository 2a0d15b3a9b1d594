import assert from 'node:assert/strict'
import { isAIError, type AIError, type ErrorCode } from '../../src/core/errors.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'

/** A kind of ledger. */
export interface Store {
  /** Gives a new, empty ledger each time. */
  readonly open: () => Promise<Ledger>
}

/** One thing that every store must do, as data: run over each store. */
export interface LedgerCase {
  readonly name: string
  readonly run: (store: Store) => Promise<void>
}

/** The error that a promise rejects with. */
export async function failure(promise: Promise<unknown>): Promise<AIError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(isAIError(error), `expected an AIError, got ${String(error)}`)
  return error
}

export function assertError(error: unknown, code: ErrorCode, retryable: boolean): void {
  assert.ok(isAIError(error), String(error))
  assert.deepStrictEqual([error.code, error.retryable], [code, retryable], error.message)
}
