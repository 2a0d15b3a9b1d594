import { AIError, type AIErrorOptions, type ErrorCode } from '../../core/errors.ts'
import type { Failure } from '../rooms.ts'

/** What a failure's text or status means. Rows are tried in order; the first that fits decides. */
interface Row {
  readonly status?: number | readonly number[]
  readonly text?: RegExp
  /** A finer word than the code, for `details.kind`. */
  readonly kind: string
  readonly code: ErrorCode
  /** How often a repeat makes sense: not at all, once, or as often as the caller allows. */
  readonly repeat: 'never' | 'once' | 'yes'
  /** What happened and what to do next; `{model}` and `{said}` are filled in. */
  readonly message: string
}

/** From ollama/ollama server/, llm/ and middleware/ at v0.33.0-rc2; texts are matched, because codes do not exist. */
const ROWS: readonly Row[] = [
  {
    text: /exceed_context_size_error|longer than the context length|input length exceeds|maximum context length/,
    kind: 'context-overflow',
    code: 'context_too_long',
    repeat: 'never',
    message:
      'The conversation is longer than the context window that {model} runs with: shorten it, or raise ' +
      'providerOptions.ollama.numCtx within what the model and the memory allow',
  },
  {
    text: /out of memory|cudaMalloc failed|failed to allocate|not enough memory|but only .* (are|is) available|out-of-memory|unable to load full model/i,
    kind: 'out-of-memory',
    code: 'provider_unavailable',
    repeat: 'never',
    message: 'Ollama has not enough memory for {model}: use a smaller model or a smaller numCtx ({said})',
  },
  {
    status: 401,
    kind: 'unauthorized',
    code: 'authentication_failed',
    repeat: 'never',
    message: 'Ollama asks who you are: sign in with `ollama signin`, or set OLLAMA_API_KEY for ollama.com',
  },
  {
    status: 403,
    text: /cloud is disabled/,
    kind: 'cloud-disabled',
    code: 'permission_denied',
    repeat: 'never',
    message: 'Cloud models are switched off on this Ollama server (OLLAMA_NO_CLOUD): {model} needs them',
  },
  {
    status: 403,
    text: /^\s*$/,
    kind: 'host-refused',
    code: 'permission_denied',
    repeat: 'never',
    message:
      'Ollama refused the request without a word: it checks the Origin header against OLLAMA_ORIGINS and the Host ' +
      'header against loopback names; set OLLAMA_ORIGINS, or let the proxy rewrite Host',
  },
  {
    status: 403,
    kind: 'forbidden',
    code: 'permission_denied',
    repeat: 'never',
    message: 'Ollama does not allow this: {said}',
  },
  {
    status: 404,
    text: /page not found/,
    kind: 'no-such-endpoint',
    code: 'config_invalid',
    repeat: 'never',
    message:
      'There is no Ollama API at this address: check baseUrl (without /api or /v1), or update the server if it is old',
  },
  {
    text: /^model '' not found|^model is required|^missing request body/,
    kind: 'bad-request',
    code: 'request_invalid',
    repeat: 'never',
    message: 'No model was named: set one with .model(id) or in the configuration ({said})',
  },
  {
    status: 404,
    kind: 'model-missing',
    code: 'model_not_found',
    repeat: 'never',
    message: 'Ollama has no model {model}: get it with `ollama pull {model}`, or see `groat models`',
  },
  {
    status: [402, 429],
    text: /usage limit|payment|subscription|upgrade/i,
    kind: 'quota',
    code: 'quota_exhausted',
    repeat: 'never',
    message:
      'The usage limit of the Ollama account is reached: wait for its reset, or use another model ({said})',
  },
  {
    status: 402,
    kind: 'quota',
    code: 'quota_exhausted',
    repeat: 'never',
    message: 'The Ollama account has no quota left for {model} ({said})',
  },
  {
    status: 429,
    kind: 'rate-limit',
    code: 'rate_limited',
    repeat: 'yes',
    message: 'Too many requests at once for this Ollama account: send fewer, or wait ({said})',
  },
  {
    text: /does not support|image generation models|only supports one image|input is not supported|does not support embeddings/,
    kind: 'unsupported-feature',
    code: 'capability_unsupported',
    repeat: 'never',
    message: '{model} cannot do this: {said}. `groat models` lists what each model can do',
  },
  {
    text: /cannot run this remote model/,
    kind: 'remote-refused',
    code: 'config_invalid',
    repeat: 'never',
    message:
      'This Ollama server may not pass {model} on to its remote host: see OLLAMA_REMOTES on the server',
  },
  {
    text: /error parsing tool call|empty function name|is not declared|invalid tool call arguments|grammar stack|chat error/,
    kind: 'model-output-fault',
    code: 'response_invalid',
    repeat: 'once',
    message: '{model} wrote something that Ollama could not read: ask again, or use another model ({said})',
  },
  {
    text: /token repeat limit/,
    kind: 'degenerate-output',
    code: 'response_invalid',
    repeat: 'once',
    message: '{model} kept repeating itself and was stopped: ask again with another temperature or seed',
  },
  {
    text: /option ".*" must be of|^invalid format:|failed to parse grammar|json: cannot unmarshal|incompatible with enable_thinking/,
    kind: 'bad-request',
    code: 'request_invalid',
    repeat: 'never',
    message: 'Ollama cannot take the request as it is: {said}',
  },
  {
    text: /no longer compatible|pull the model again|re-?pull|newer version of Ollama|update Ollama/i,
    kind: 'incompatible-model',
    code: 'provider_unavailable',
    repeat: 'never',
    message: '{model} does not fit this version of Ollama: pull it again, or update Ollama ({said})',
  },
  {
    text: /8 MB limit/,
    kind: 'server-limit',
    code: 'limit_exceeded',
    repeat: 'never',
    message: 'A piece of the answer was larger than Ollama passes on: ask for less at once ({said})',
  },
  {
    text: /NaN or Inf/,
    kind: 'model-fault',
    code: 'response_invalid',
    repeat: 'never',
    message: '{model} gave numbers that are none: use another model or quantization ({said})',
  },
  {
    text: /timed out waiting for llama-server/,
    kind: 'load-timeout',
    code: 'provider_unavailable',
    repeat: 'yes',
    message: '{model} was not loaded in time: try again, or raise OLLAMA_LOAD_TIMEOUT on the server',
  },
  {
    text: /process has terminated|unexpectedly stopped|encountered while running the model|do embedding request: .*EOF/s,
    kind: 'runner-crash',
    code: 'provider_unavailable',
    repeat: 'once',
    message: 'The process that runs {model} stopped: see the log of the Ollama server ({said})',
  },
  {
    text: /^unexpected response|unexpected error format/,
    kind: 'server-bug',
    code: 'response_invalid',
    repeat: 'once',
    message: 'Ollama got an answer that it did not understand: see the log of the server ({said})',
  },
  {
    text: /server busy|no slots available|unexpected server status|overloaded|temporarily|list cache unavailable|account unavailable/i,
    kind: 'busy',
    code: 'provider_unavailable',
    repeat: 'yes',
    message: 'Ollama is busy: wait a little, send fewer requests at once, or raise OLLAMA_MAX_QUEUE ({said})',
  },
  {
    status: 408,
    kind: 'timeout',
    code: 'timed_out',
    repeat: 'yes',
    message: 'The server in front of Ollama gave up waiting: try again, or raise its time limit',
  },
  {
    status: 413,
    kind: 'too-large',
    code: 'limit_exceeded',
    repeat: 'never',
    message: 'The server in front of Ollama takes no request of this size: send less, or raise its limit',
  },
  {
    status: 499,
    kind: 'canceled',
    code: 'aborted',
    repeat: 'never',
    message: 'Ollama says that the request was canceled',
  },
]

/** What to make of a status that no row knows. */
function byStatus(status: number | undefined): Row {
  if (status !== undefined && status >= 300 && status < 400) {
    return {
      kind: 'redirect',
      code: 'config_invalid',
      repeat: 'never',
      message: 'The server redirects, and groat follows no redirects: set baseUrl to the final address',
    }
  }
  if (status !== undefined && status >= 400 && status < 500) {
    const message = 'Ollama cannot take the request as it is: {said}'
    return { kind: 'bad-request', code: 'request_invalid', repeat: 'never', message }
  }
  const message = 'Ollama failed: {said}. See the log of the server'
  return { kind: 'server-error', code: 'provider_unavailable', repeat: 'yes', message }
}

/** Longest text of the server that is shown in a message. */
const SAID_CHARS_MAX = 300

/** What a server's failure means in groat's words. */
export function toError(failure: Failure): AIError {
  const body = parseBody(failure.text)
  const status = body.status ?? failure.status
  const row = ROWS.find((one) => fits(one, status, body.text)) ?? byStatus(status)
  const model = failure.model ?? 'the model'
  const said = body.text === '' ? `HTTP ${status ?? 'stream'}` : body.text.slice(0, SAID_CHARS_MAX)
  const options: AIErrorOptions = {
    code: row.code,
    message: row.message.replaceAll('{model}', model).replaceAll('{said}', () => said),
    provider: failure.provider,
    model: failure.model,
    status,
    retryable: row.repeat !== 'never',
    retriesMax: row.repeat === 'once' ? 1 : undefined,
    retryAfterMs: failure.retryAfterMs,
    details: {
      kind: row.kind,
      said,
      path: failure.path,
      midStream: failure.status === undefined,
      ...body.details,
    },
  }
  return new AIError(options)
}

function fits(row: Row, status: number | undefined, text: string): boolean {
  const { status: wanted } = row
  if (
    wanted !== undefined &&
    !(typeof wanted === 'number' ? wanted === status : wanted.includes(status ?? 0))
  ) {
    return false
  }
  return row.text === undefined || row.text.test(text)
}

interface Body {
  readonly text: string
  readonly status: number | undefined
  readonly details: Readonly<Record<string, unknown>>
}

/** The eight shapes in which the server or a proxy in front of it puts an error (reference: ollama/ollama api/types.go). */
function parseBody(text: string): Body {
  const json = parseLeadingObject(text)
  if (!json) return { text: stripMarkup(text), status: undefined, details: {} }
  const status = typeof json['StatusCode'] === 'number' ? json['StatusCode'] : undefined
  const { error, signin_url: signinUrl } = json
  const details: Record<string, unknown> = {}
  if (typeof signinUrl === 'string') details['signinUrl'] = signinUrl
  const said = typeof error === 'string' ? error : messageOf(error ?? json)
  const nested = parseLeadingObject(said)
  const inner = isRecord(nested?.['error']) ? nested['error'] : undefined
  if (!inner) {
    const ref = /\(ref: ([^)]+)\)/.exec(said)?.[1]
    return { text: said, status, details: ref === undefined ? details : { ...details, ref } }
  }
  if (typeof inner['n_prompt_tokens'] === 'number') details['promptTokens'] = inner['n_prompt_tokens']
  if (typeof inner['n_ctx'] === 'number') details['contextSize'] = inner['n_ctx']
  if (/out of memory/i.test(said)) details['outOfMemory'] = true
  return { text: `${messageOf(inner)} (${String(inner['type'] ?? 'error')})`, status, details }
}

/** A JSON object at the start of a text; the server may append a line of its own to one. */
function parseLeadingObject(text: string): Record<string, unknown> | undefined {
  if (!text.trimStart().startsWith('{')) return undefined
  for (const end of [text.length, text.indexOf('}\n') + 1]) {
    try {
      const value: unknown = JSON.parse(text.slice(0, end))
      return isRecord(value) ? value : undefined
    } catch {
      continue
    }
  }
  return undefined
}

function messageOf(error: unknown): string {
  return isRecord(error) && typeof error['message'] === 'string' ? error['message'] : JSON.stringify(error)
}

function stripMarkup(text: string): string {
  const plain = /^\s*</.test(text) ? text.replace(/<(style|script)[\s\S]*?<\/\1>|<[^>]*>/gi, ' ') : text
  return plain.replace(/\s+/g, ' ').trim()
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
