import { parseUsd, type Amount } from '../money/amount.ts'
import { AIError } from './errors.ts'

/**
 * An exact amount of dollars from a decimal string: `usd('5.00')`.
 *
 * @throws AIError `request_invalid` for anything that is not an exact decimal string; a number is not one.
 */
export function usd(text: string): Amount {
  try {
    return parseUsd(text)
  } catch (cause) {
    throw new AIError({ code: 'request_invalid', message: (cause as Error).message, cause })
  }
}
