import type { Embedded } from '../core/driver.ts'
import { AIError, isAIError } from '../core/errors.ts'
import type { EmbedRequest } from '../core/request.ts'
import { addUsage } from '../core/usage.ts'
import type { Warning } from '../core/warning.ts'

/** Most texts in one request: the vectors of so many stay far below what is read of an answer. */
export const EMBED_BATCH_MAX = 512
/** Most text in one request of several texts, in UTF-16 units. */
export const EMBED_BATCH_CHARS_MAX: number = 4 * 1024 * 1024
/** How often batches of one call are halved at most: each failure may have cost the server a load of the model. */
export const EMBED_DIVISIONS_MAX = 64

/** What a driver does for one batch. */
export interface EmbedSending {
  /** One request for these texts. */
  send(values: readonly string[]): Promise<Embedded>
  /** Whether the failure of a batch may come from one of its texts, so that the others would do without it. */
  mayBeOneText(error: AIError): boolean
  /** Most texts that the provider takes in one request. @default EMBED_BATCH_MAX */
  readonly valuesMax?: number | undefined
  /** Most text in one request of several texts, in UTF-16 units. @default EMBED_BATCH_CHARS_MAX */
  readonly charsMax?: number | undefined
}

/** A part of a call's texts, by index; `to` is not included. */
interface Range {
  readonly from: number
  readonly to: number
}

/**
 * Embeds all texts of a request in order: in one request where they fit into one. A batch that fails as one text can
 * make it fail is halved until the text is found; the error then names it in `details.index`, and is not worth a retry.
 *
 * @throws AIError of the first request that cannot be helped
 */
export async function embedInBatches(request: EmbedRequest, sending: EmbedSending): Promise<Embedded> {
  const { values } = request
  const open = rangesOf(values, sending)
  const done: Embedded[] = []
  let divisions = 0
  for (let range = open.shift(); range; range = open.shift()) {
    const { from, to } = range
    try {
      done.push(counted(await sending.send(values.slice(from, to)), to - from))
    } catch (error) {
      if (!isAIError(error)) throw error
      const mayBeOne = sending.mayBeOneText(error)
      if (!mayBeOne || to - from === 1 || divisions === EMBED_DIVISIONS_MAX) {
        const failure = mayBeOne || error.code === 'context_too_long' ? told(error, range, request) : error
        // What was answered before is billed, whatever this failure means by itself.
        const answered = done.length
        throw answered === 0 ? failure : failure.with({ details: { ...failure.details, answered } })
      }
      divisions++
      const middle = from + Math.ceil((to - from) / 2)
      open.unshift({ from, to: middle }, { from: middle, to })
    }
  }
  return joined(done, request)
}

function rangesOf(
  values: readonly string[],
  { valuesMax = EMBED_BATCH_MAX, charsMax = EMBED_BATCH_CHARS_MAX }: EmbedSending,
): Range[] {
  const ranges: Range[] = []
  let from = 0
  let chars = 0
  for (const [index, value] of values.entries()) {
    chars += value.length
    const full = index - from >= valuesMax || (chars > charsMax && index > from)
    if (!full) continue
    ranges.push({ from, to: index })
    from = index
    chars = value.length
  }
  ranges.push({ from, to: values.length })
  return ranges
}

function counted(embedded: Embedded, asked: number): Embedded {
  const given = embedded.embeddings.length
  if (given === asked) return embedded
  throw new AIError({
    code: 'response_invalid',
    message: `The provider gave ${given} vectors for ${asked} texts: which belongs to which is not known`,
    model: embedded.model,
    details: { asked, given },
  })
}

/** An error with the text that it is about, as far as that is known. */
function told(error: AIError, { from, to }: Range, { values }: EmbedRequest): AIError {
  if (to - from > 1) {
    if (error.code !== 'context_too_long') return error
    // The provider does not say which; that it is the longest is likely and no more.
    return error.with({ details: { ...error.details, longestIndex: longest(values, from, to) } })
  }
  const details = { ...error.details, index: from }
  if (values.length === 1) return error.with({ details })
  const message = `${error.message}. It is the text at index ${from}`
  // It failed in a batch and on its own: the whole call would meet it again.
  return error.with({ message, details, retryable: false })
}

function longest(values: readonly string[], from: number, to: number): number {
  let found = from
  for (let index = from; index < to; index++) {
    if ((values[index]?.length ?? 0) > (values[found]?.length ?? 0)) found = index
  }
  return found
}

function joined(done: readonly Embedded[], { dimensions, model }: EmbedRequest): Embedded {
  const [first] = done
  const embeddings = done.length === 1 && first ? first.embeddings : done.flatMap((one) => one.embeddings)
  const billing = done.find((one) => one.billing !== undefined)?.billing
  return {
    embeddings,
    usage: addUsage(done.map((one) => one.usage)),
    model: first?.model ?? model,
    warnings: [...(first?.warnings ?? []), ...shorterThanAsked(dimensions, embeddings[0]?.length)],
    ...(billing === undefined ? {} : { billing }),
  }
}

/** A model that cannot make vectors of this length makes its own, without a word. */
function shorterThanAsked(asked: number | undefined, given: number | undefined): Warning[] {
  if (asked === undefined || given === undefined || asked === given) return []
  const message = `The vectors have ${given} dimensions and not ${asked}: the model cannot make more or fewer`
  return [{ code: 'option-ignored', message, details: { option: 'dimensions', asked, given } }]
}
