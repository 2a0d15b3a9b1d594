import { Amount, formatUsd, type AIResponse } from '../index.ts'
import { countText } from './format.ts'

/** What a conversation has cost so far; free, unknown and priced answers are counted apart. */
export class ChatTotals {
  answers = 0
  #free = 0
  #unknown = 0
  #cost = new Amount(0n)
  #inputTokens = 0
  #outputTokens = 0

  /** Takes an answer into the totals. */
  add({ cost, usage }: AIResponse): void {
    this.answers++
    if (cost.status === 'free') this.#free++
    if (cost.status === 'unknown') this.#unknown++
    else this.#cost = new Amount(this.#cost.picos + cost.amount.picos)
    this.#inputTokens += usage.inputTokens ?? 0
    this.#outputTokens += usage.outputTokens ?? 0
  }

  /** For the line under an answer. */
  shortText(): string {
    return `so far ${this.#costText()}`
  }

  /** All of it. */
  text(): string {
    const answers = `${this.answers} answer${this.answers === 1 ? '' : 's'}`
    const tokens = `${countText(this.#inputTokens)} tokens in, ${countText(this.#outputTokens)} out`
    return this.answers === 0 ? 'no answers yet' : `${answers}, ${tokens}, ${this.#costText()}`
  }

  #costText(): string {
    if (this.#free === this.answers) return 'free'
    const unknown = this.#unknown === 0 ? '' : ` and ${this.#unknown} of unknown cost`
    return this.#unknown === this.answers ? 'of unknown cost' : `${formatUsd(this.#cost)}${unknown}`
  }
}
