/** How deep an error or an answer is looked through. */
const DEPTH_MAX = 6
/** How much of a message is quoted. */
const QUOTED_CHARS = 110

/** What tells one failure from another without reading its text. */
const CODE_KEYS = ['code', 'status', 'statusCode', 'status_code'] as const
/** Names that every failure has. */
const PLAIN_NAMES: readonly string[] = ['Error', 'TypeError', 'Object', '']

/** Every text in a value, also in what an error keeps from `JSON.stringify`. */
export function textsIn(value: unknown, depth: number = DEPTH_MAX): string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null || depth === 0) return []
  return keysOf(value).flatMap((key) => textsIn(read(value, key), depth - 1))
}

/** Every name of a field in a value. */
export function fieldsIn(value: unknown, depth: number = DEPTH_MAX): string[] {
  if (typeof value !== 'object' || value === null || depth === 0) return []
  return keysOf(value).flatMap((key) => [key, ...fieldsIn(read(value, key), depth - 1)])
}

/** `code=provider_unavailable`, `status_code=404`, `class=ResponseError`: of an error and of its causes. */
export function codesOf(error: unknown, depth: number = 3): string[] {
  if (typeof error !== 'object' || error === null || depth === 0) return []
  const own = CODE_KEYS.flatMap((key) => {
    const value = read(error, key)
    return typeof value === 'string' || typeof value === 'number' ? [`${key}=${value}`] : []
  })
  const name = error instanceof Error ? error.name : ''
  if (!PLAIN_NAMES.includes(name)) own.push(`class=${name}`)
  return [...own, ...codesOf(read(error, 'cause'), depth - 1)]
}

/** An error in one line: `threw TypeError "fetch failed" (code=UND_ERR_HEADERS_TIMEOUT)`. */
export function said(error: unknown): string {
  const message = typeof error === 'string' ? error : read(Object(error) as object, 'message')
  const kind = error instanceof Error ? error.name : typeof error === 'string' ? 'a string' : 'an error event'
  const codes = codesOf(error).filter((code) => code !== `class=${kind}`)
  return `${kind} "${quoted(String(message))}"${codes.length > 0 ? ` (${codes.join(', ')})` : ''}`
}

/** The start of a text, on one line. */
export function quoted(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim()
  return line.length > QUOTED_CHARS ? `${line.slice(0, QUOTED_CHARS)}…` : line
}

function keysOf(value: object): string[] {
  return value instanceof Error ? Object.getOwnPropertyNames(value) : Object.keys(value)
}

function read(value: object, key: string): unknown {
  try {
    return (value as Record<string, unknown>)[key]
  } catch {
    // A getter of a library that throws says nothing.
    return undefined
  }
}
