import { Amount, formatUsd, type AIResponse } from '../index.ts'
import { countText } from './format.ts'

/** What a conversation has cost so far, stopped answers included; free, unknown and priced are counted apart. */
export class ChatTotals {
  calls = 0
  #free = 0
  #unknown = 0
  #cost = new Amount(0n)
  #inputTokens = 0
  #outputTokens = 0

  /** Takes answers, or ledger entries of what was no answer, into the totals. */
  add(all: readonly Pick<AIResponse, 'cost' | 'usage'>[]): void {
    for (const { cost, usage } of all) {
      this.calls++
      if (cost.status === 'free') this.#free++
      if (cost.status === 'unknown') this.#unknown++
      else this.#cost = new Amount(this.#cost.picos + cost.amount.picos)
      this.#inputTokens += usage.inputTokens ?? 0
      this.#outputTokens += usage.outputTokens ?? 0
    }
  }

  /** All of it: calls, tokens and cost. */
  text(): string {
    if (this.calls === 0) return 'nothing asked yet'
    const calls = `${this.calls} call${this.calls === 1 ? '' : 's'}`
    return `${calls}, ${countText(this.#inputTokens)} tokens in, ${countText(this.#outputTokens)} out, ${this.costText()}`
  }

  /** The cost alone: `free`, `$0.0105`, `$0.0105 and 1 of unknown cost`. */
  costText(): string {
    if (this.#free === this.calls) return 'free'
    if (this.#unknown === this.calls) return 'of unknown cost'
    return `${formatUsd(this.#cost)}${this.#unknown === 0 ? '' : ` and ${this.#unknown} of unknown cost`}`
  }
}
