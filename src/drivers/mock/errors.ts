import { AIError, type ErrorCode } from '../../core/errors.ts'
import type { Failure } from '../rooms.ts'

/** A script says which error it wants. */
export function toError(failure: Failure): AIError {
  const { error } = JSON.parse(failure.text) as {
    error: { code: ErrorCode; status?: number; retryAfterMs?: number }
  }
  return new AIError({
    code: error.code,
    message: `The script of the mock driver failed with ${error.code}: look at its replies`,
    provider: failure.provider,
    model: failure.model,
    status: failure.status,
    retryAfterMs: error.retryAfterMs,
  })
}
