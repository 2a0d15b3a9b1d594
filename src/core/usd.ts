import { Amount, parseUsd } from '../money/amount.ts'
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

/** An Amount, also of another copy of groat, or dollars as a decimal string. @throws AIError `request_invalid` */
export function toAmount(value: Amount | string): Amount {
  if (typeof value !== 'object' || value === null) return usd(value)
  // One of another copy of groat in this process is made one of ours.
  const { picos }: { readonly picos: bigint } = value
  return value instanceof Amount ? value : new Amount(picos)
}
