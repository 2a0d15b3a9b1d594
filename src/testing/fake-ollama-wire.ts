import type { Answer } from './far-end.ts'

/** Largest body that Go's HTTP server counts before sending; above it the body is chunked. In bytes. */
const GO_COUNTED_BYTES_MAX = 2_048
const NANOS_PER_MS = 1_000_000

/** The content types that Ollama sends, spelled as it does. */
export const TYPES = {
  json: 'application/json; charset=utf-8',
  /** What it passes on from llama-server has no charset. */
  upstream: 'application/json',
  ndjson: 'application/x-ndjson',
  text: 'text/plain; charset=utf-8',
  /** Its router's own 404 and 405. */
  router: 'text/plain',
} as const

/** A value as Go's `encoding/json` writes it: `<`, `>` and `&` are escaped, and the two odd line separators. */
export function goJson(value: unknown): string {
  return (JSON.stringify(value) ?? 'null').replaceAll(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** One whole body with a content type, framed as Go does it. */
export function wholeAnswer(status: number, contentType: string, body: string | Uint8Array): Answer {
  const size = typeof body === 'string' ? Buffer.byteLength(body) : body.length
  const framing = size > GO_COUNTED_BYTES_MAX ? 'chunked' : 'length'
  const headers = size > 0 ? { 'Content-Type': contentType } : {}
  return { status, headers, framing, records: size > 0 ? [body] : [] }
}

/** One JSON object. */
export function jsonAnswer(value: unknown, status: number = 200): Answer {
  return wholeAnswer(status, TYPES.json, goJson(value))
}

/** Ollama's usual refusal. */
export function errorAnswer(status: number, error: string): Answer {
  return jsonAnswer({ error }, status)
}

/** A refusal of llama-server, which Ollama passes on as text inside its own. */
export function nestedErrorAnswer(code: number, error: Readonly<Record<string, unknown>>): Answer {
  const body = goJson({ error: goJson({ error: { code, ...error } }) })
  return { ...wholeAnswer(code, TYPES.upstream, body), framing: 'chunked' }
}

/** NDJSON, one record a line, flushed line by line. */
export function linesAnswer(records: readonly unknown[]): Answer {
  const lines = records.map((record) => `${goJson(record)}\n`)
  return { headers: { 'Content-Type': TYPES.ndjson }, framing: 'chunked', records: lines }
}

/** A time as Go prints it: RFC 3339 in UTC with up to nine digits, zeros at the end cut off. */
export function goTime(epochMs: number, nanos: number = 0): string {
  const iso = new Date(epochMs).toISOString()
  const fraction = `${iso.slice(20, 23)}${String(nanos % NANOS_PER_MS).padStart(6, '0')}`.replace(/0+$/, '')
  return fraction === '' ? `${iso.slice(0, 19)}Z` : `${iso.slice(0, 19)}.${fraction}Z`
}

/** A JSON object, or undefined. */
export function asObject(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  return value as Readonly<Record<string, unknown>>
}
