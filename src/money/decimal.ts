import { picos, PICOS_PER_DOLLAR, type Picos } from './picos.ts'

/** Decimal places that a pico amount can hold. */
export const DECIMAL_PLACES = 12

/** Longest decimal text that is read; longer text is a mistake or an attack. */
export const DECIMAL_CHARS_MAX = 64

const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?$/

/** Thrown where text or a number is not an exact amount of money. */
export class MoneyError extends RangeError {
  override readonly name = 'MoneyError'
}

/**
 * Reads a plain decimal such as `'0.0105'` into picos, exactly.
 *
 * @throws MoneyError for anything that is not a decimal string, or has a digit below 1e-12.
 */
export function parseDecimal(text: string): Picos {
  if (typeof text !== 'string') {
    throw new MoneyError(`An amount is a decimal string such as '5.00', not a ${typeof text}`)
  }
  const match = text.length <= DECIMAL_CHARS_MAX ? DECIMAL.exec(text) : null
  if (!match) throw new MoneyError(`Not a decimal amount: ${shown(text)}. Write it as '5.00' or '0.0105'`)
  const [, sign, whole = '', fraction = ''] = match
  const kept = fraction.slice(0, DECIMAL_PLACES)
  if (/[1-9]/.test(fraction.slice(DECIMAL_PLACES))) {
    throw new MoneyError(
      `${shown(text)} has a digit below one pico (1e-12); amounts are exact to 12 decimals`,
    )
  }
  const value = BigInt(whole) * PICOS_PER_DOLLAR + BigInt(kept.padEnd(DECIMAL_PLACES, '0'))
  return picos(sign === '-' ? -value : value)
}

/** Writes picos as the shortest plain decimal that says exactly the same: `'0.0105'`, `'5'`, `'0'`. */
export function formatDecimal(value: Picos, options: { minimumDecimals?: number } = {}): string {
  const negative = value < 0n
  const digits = (negative ? -value : value).toString().padStart(DECIMAL_PLACES + 1, '0')
  const whole = digits.slice(0, -DECIMAL_PLACES)
  const fraction = digits
    .slice(-DECIMAL_PLACES)
    .replace(/0+$/, '')
    .padEnd(options.minimumDecimals ?? 0, '0')
  return `${negative ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`
}

function shown(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)
}
