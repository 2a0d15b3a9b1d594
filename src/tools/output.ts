import type { PreparedSchema } from '../core/schema.ts'

export type Parsed = { readonly value: unknown } | { readonly issues: readonly string[] }

/** Longest text in which JSON is looked for, in characters. */
const OUTPUT_CHARS_MAX = 16 * 1024 * 1024

/** The value that an answer stands for: JSON as it is, in a fence, or with words around it; checked by its schema. */
export async function parseOutput(text: string, schema: PreparedSchema): Promise<Parsed> {
  if (text.length > OUTPUT_CHARS_MAX)
    return { issues: [`The answer is longer than ${OUTPUT_CHARS_MAX} characters`] }
  let issues: readonly string[] = ['The answer has no JSON in it']
  for (const candidate of candidatesIn(text)) {
    const parsed = parseJson(candidate)
    if (!parsed) continue
    const checked = await schema.validate(parsed.value)
    if ('value' in checked) return checked
    issues = checked.issues
  }
  return { issues }
}

function candidatesIn(text: string): string[] {
  const trimmed = text.trim()
  const fenced = /```(?:json)?\s*\n([\s\S]*?)\n?\s*```/i.exec(trimmed)?.[1]
  return [
    trimmed,
    ...(fenced === undefined ? [] : [fenced]),
    ...between(trimmed, '{', '}'),
    ...between(trimmed, '[', ']'),
  ]
}

function between(text: string, open: string, close: string): string[] {
  const [from, to] = [text.indexOf(open), text.lastIndexOf(close)]
  return from >= 0 && to > from && (from > 0 || to < text.length - 1) ? [text.slice(from, to + 1)] : []
}

function parseJson(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown }
  } catch {
    return undefined
  }
}
