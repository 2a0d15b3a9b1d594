import { isAIError } from '../core/errors.ts'

/** Says of an error that nothing was sent before it: then it costs nothing. For `promise.catch(unsent)`. */
export function unsent(error: unknown): never {
  throw isAIError(error) ? error.with({ details: { ...error.details, sent: false } }) : error
}
