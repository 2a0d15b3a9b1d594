import { formatDecimal, MoneyError, parseDecimal } from './decimal.ts'
import { picos as toPicos, ZERO, type Picos } from './picos.ts'

/** The currencies that amounts are kept in: all four providers' price lists are in US dollars. */
export type Currency = 'USD'

/** An exact, frozen amount of money; prints and serialises as a plain decimal (`"0.0105"`). */
export class Amount {
  readonly picos: Picos
  readonly currency: Currency = 'USD'

  constructor(value: bigint) {
    if (typeof value !== 'bigint') throw new MoneyError('An Amount is made of a bigint of picos')
    this.picos = toPicos(value)
    Object.freeze(this)
  }

  /** The plain decimal, without currency. */
  toString(): string {
    return formatDecimal(this.picos)
  }

  /** The plain decimal: JSON has no exact number. */
  toJSON(): string {
    return formatDecimal(this.picos)
  }
}

// What `console.log` shows: `Amount $0.0105`.
Object.defineProperty(Amount.prototype, Symbol.for('nodejs.util.inspect.custom'), {
  value(this: Amount): string {
    return `Amount ${formatUsd(this)}`
  },
})

export const ZERO_AMOUNT: Amount = new Amount(ZERO)

/** Reads dollars written as a decimal string, exactly. @throws MoneyError */
export function parseUsd(text: string): Amount {
  return new Amount(parseDecimal(text))
}

/** Writes an amount for people, exactly, with at least cents: `$5.00`, `$0.0105`, `-$0.50`. */
export function formatUsd(amount: Amount): string {
  const text = formatDecimal(amount.picos, { minimumDecimals: 2 })
  return text.startsWith('-') ? `-$${text.slice(1)}` : `$${text}`
}
