import type { PreparedSchema } from '../core/schema.ts'

/** The value of an answer, or what is wrong with it. */
export type Parsed = { readonly value: unknown; readonly pure: boolean } | Mismatch

export interface Mismatch {
  readonly issues: readonly string[]
  /** Whether the answer is JSON and nothing else: what is held to a schema is. */
  readonly pure: boolean
}

/** Longest text in which JSON is looked for, in characters. */
const OUTPUT_CHARS_MAX = 16 * 1024 * 1024

/** The value that an answer stands for: JSON as it is, in a fence, or with words around it; checked by its schema. */
export async function parseOutput(text: string, schema: PreparedSchema): Promise<Parsed> {
  if (text.length > OUTPUT_CHARS_MAX)
    return { issues: [`The answer is longer than ${OUTPUT_CHARS_MAX} characters`], pure: false }
  const trimmed = text.trim()
  const whole = parseJson(trimmed)
  let issues: readonly string[] = ['The answer has no JSON in it']
  for (const candidate of whole ? [whole] : jsonIn(trimmed)) {
    const checked = await schema.validate(candidate.value)
    if ('value' in checked) return { value: checked.value, pure: whole !== undefined }
    issues = checked.issues
  }
  return { issues, pure: whole !== undefined }
}

/** Most places at which JSON may begin that are tried, counted. */
const PLACES_MAX = 50

/** Thoughts that a model wrote into its answer, and a fence around it. */
const THOUGHTS = /^[\s\S]*<\/think>/
const FENCE = /```(?:json)?\s*\n([\s\S]*?)\n?\s*```/i

/** The JSON in a text that has more in it: in a fence first, then the objects and arrays in order. */
function* jsonIn(text: string): Generator<{ readonly value: unknown }> {
  const answer = text.replace(THOUGHTS, '')
  const fenced = parseJson(FENCE.exec(answer)?.[1] ?? '')
  if (fenced) yield fenced
  let from = answer.search(/[{[]/)
  for (let place = 0; from >= 0 && place < PLACES_MAX; place++) {
    const end = endOfJson(answer, from)
    const found = end === undefined ? undefined : parseJson(answer.slice(from, end))
    if (found) yield found
    const next = answer.slice(found && end !== undefined ? end : from + 1).search(/[{[]/)
    from = next < 0 ? -1 : next + (found && end !== undefined ? end : from + 1)
  }
}

/** Where the object or array that begins at `from` ends, by its brackets; undefined where it does not. */
function endOfJson(text: string, from: number): number | undefined {
  let depth = 0
  let quoted = false
  for (let at = from; at < text.length; at++) {
    const char = text[at]
    if (char === '\\' && quoted) at++
    else if (char === '"') quoted = !quoted
    else if (quoted) continue
    else if (char === '{' || char === '[') depth++
    else if ((char === '}' || char === ']') && --depth === 0) return at + 1
  }
  return undefined
}

function parseJson(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown }
  } catch {
    return undefined
  }
}
