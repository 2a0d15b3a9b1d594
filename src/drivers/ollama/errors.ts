import { AIError } from '../../core/errors.ts'
import {
  bad,
  fault,
  findRow,
  never,
  row,
  toAIError,
  unavailable,
  type Row,
  type When,
} from '../../core/error-rows.ts'
import { isObject, leadingObject, messageOf, plainText } from '../../core/error-text.ts'
import type { Failure } from '../rooms.ts'
import { WORK_ROWS } from './models.ts'

/** The request is wrong, whatever the status is. */
const BAD_REQUEST = bad(
  'bad-request',
  'Ollama cannot take this request for {model}: {said}. Correct what it names and send it again',
)

const QUOTA = never(
  'quota',
  'quota_exhausted',
  'The quota of the Ollama account for {model} is used up: wait for its reset, or use a local model ({said})',
)

/**
 * Rows are tried in order; the first that fits decides. Texts are matched because Ollama has no codes: from
 * ollama/ollama server/, llm/ and model/parsers/ at v0.33.0-rc2. What quotes the model goes first, since a model may
 * write any text, and what Ollama is sure of goes before what a status alone suggests.
 */
const ROWS: readonly (readonly [When, Row])[] = [
  [
    {
      text: /^error parsing tool call|empty function name$|^tool ".*" is not declared|^llama-server returned invalid tool call arguments|empty grammar stack/s,
    },
    fault(
      'model-output-fault',
      'The tool call that {model} wrote could not be read by Ollama: ask again, or use another model. ' +
        'What it wrote is in details.said',
    ),
  ],
  [
    { text: /^(?:the )?input (?:length exceeds|after truncation exceeds|exceeds maximum context)/ },
    never(
      'context-overflow',
      'context_too_long',
      'A text is longer than {model} takes in at once, and is not cut in silence: shorten or split it ({said})',
    ),
  ],
  [
    {
      text: /exceed_context_size_error|exceeds the available context size|longer than the context length|exceeds the context length|exceeds (?:the model's )?maximum context length/,
    },
    never(
      'context-overflow',
      'context_too_long',
      'The conversation is longer than the context window that {model} runs with: shorten it, or raise ' +
        'providerOptions.ollama.numCtx within what the model and the memory allow',
    ),
  ],
  [
    {
      // As ollama/ollama llm/status.go knows it, and what the scheduler says of itself.
      text: /out of (device )?memory|(cuda|hip)Malloc failed|failed to allocate|allocation failed|(not enough|insufficient) memory|out_?of_?(device_?)?memory|out-of-memory|requires .* but only .* available|unable to load full model/i,
    },
    unavailable(
      'out-of-memory',
      'never',
      'Ollama has not enough memory for {model}: use a smaller model or a smaller numCtx ({said})',
    ),
  ],
  [
    { status: [401] },
    never(
      'unauthorized',
      'authentication_failed',
      'Ollama asks who you are before it answers with {model}: sign in with `ollama signin` (details.signinUrl, where ' +
        'there is one), set OLLAMA_API_KEY for ollama.com, or give the user and password of a proxy in baseUrl',
    ),
  ],
  [
    { status: [403], text: /cloud is disabled/ },
    never(
      'cloud-disabled',
      'permission_denied',
      'Cloud models are switched off on this Ollama server (OLLAMA_NO_CLOUD) and {model} is one: use a local model, ' +
        'or switch them on',
    ),
  ],
  [
    { status: [403], text: /^$/ },
    never(
      'host-refused',
      'permission_denied',
      'Ollama refused the request for {model} without a word: it checks the Origin header against OLLAMA_ORIGINS and ' +
        'the Host header against loopback names; set OLLAMA_ORIGINS, or let the proxy rewrite Host',
    ),
  ],
  [
    { status: [403] },
    never(
      'forbidden',
      'permission_denied',
      'Ollama does not allow this for {model}: {said}. Check what the account or the proxy in front permits',
    ),
  ],
  [
    { text: /^model '' not found|^model is required$/ },
    bad('bad-request', 'No model was named: set one with .model(id) or in the configuration ({said})'),
  ],
  [
    { status: [404], json: true },
    never(
      'model-missing',
      'model_not_found',
      'Ollama has no model {model}: get it with `ollama pull {model}`, or see `groat models`',
    ),
  ],
  [
    { status: [404, 405] },
    never(
      'no-such-endpoint',
      'config_invalid',
      'There is no Ollama API for {model} at this address: check baseUrl (without /api or /v1), or update the server ' +
        'if it is old ({said})',
    ),
  ],
  [{ text: /usage limit/i }, QUOTA],
  [{ status: [402] }, QUOTA],
  [
    { status: [429] },
    row(
      'rate-limit',
      'rate_limited',
      'yes',
      'Too many requests at once for {model} on this Ollama account: send fewer, or wait ({said})',
    ),
  ],
  [
    {
      text: /^\S+ does not support (chat|generate|tools|insert|thinking|vision|audio|image|embedding|completion)|^image generation models|^this model only supports one image|^This server does not support embeddings|does not support multimodal|input is not supported/,
    },
    never(
      'unsupported-feature',
      'capability_unsupported',
      '{model} cannot do this: {said}. Use a model that can; `groat models` says which',
    ),
  ],
  [
    { text: /^this server cannot run this remote model/ },
    never(
      'remote-refused',
      'config_invalid',
      'This Ollama server may not pass {model} on to its remote host: see OLLAMA_REMOTES on the server',
    ),
  ],
  [
    { text: /token repeat limit/ },
    fault(
      'degenerate-output',
      'The answer of {model} repeated itself until Ollama stopped it: ask again with another temperature or seed',
    ),
  ],
  [
    { text: /failed to parse grammar|JSON schema conversion failed|Automatic parser generation failed/ },
    bad(
      'bad-schema',
      'Ollama cannot make {model} keep to this schema: simplify its patterns and large limits ({said})',
    ),
  ],
  [
    { text: /incompatible with enable_thinking/ },
    bad(
      'bad-history',
      'The conversation ends with an answer, which {model} cannot go on with while it thinks: add a user message',
    ),
  ],
  [{ text: /^option ".*" must be of|^invalid format:|^json: cannot unmarshal/ }, BAD_REQUEST],
  [
    { text: /no longer compatible|incompatible with your version|pull the model again|update ollama/i },
    unavailable(
      'incompatible-model',
      'never',
      '{model} does not fit this version of Ollama: pull it again, or update Ollama ({said})',
    ),
  ],
  [
    { text: /stream event exceeded \d+ MB limit/ },
    never(
      'server-limit',
      'limit_exceeded',
      'A piece of the answer of {model} was larger than Ollama passes on: ask for less at once ({said})',
    ),
  ],
  [
    { text: /NaN or Inf/ },
    never(
      'model-fault',
      'response_invalid',
      '{model} gave numbers that are none: use another model or quantization ({said})',
    ),
  ],
  [
    { text: /timed out waiting for llama-server/ },
    unavailable(
      'load-timeout',
      'yes',
      '{model} was not loaded in time: try again, or raise OLLAMA_LOAD_TIMEOUT on the server',
    ),
  ],
  [
    { text: /llama-server process (has terminated|no longer running)|^error starting llama-server/ },
    unavailable(
      'load-failed',
      'once',
      '{model} could not be loaded: see the log of the Ollama server ({said})',
    ),
  ],
  [
    {
      text: /unexpectedly stopped|encountered while running the model|^do embedding request:|^EOF$|^error reading llama-server/,
    },
    unavailable(
      'runner-crash',
      'once',
      'The process that runs {model} stopped: see the log of the Ollama server ({said})',
    ),
  ],
  [
    { text: /^llama-server chat error|^unexpected response$|^unexpected error format/ },
    fault(
      'server-bug',
      'Ollama did not understand what the process that runs {model} told it: see the log of the server ({said})',
    ),
  ],
  [
    { text: /server busy|no slots available|^unexpected server status/i },
    unavailable(
      'busy',
      'yes',
      'Ollama is busy and did not take the request for {model}: wait a little, send fewer at once, or raise ' +
        'OLLAMA_MAX_QUEUE on the server ({said})',
    ),
  ],
  [
    { text: /overloaded|list cache unavailable|account unavailable|^Internal Server Error \(ref: /i },
    unavailable(
      'transient',
      'yes',
      'Ollama cannot answer for {model} just now: try again in a moment ({said})',
    ),
  ],
  [
    { status: [408] },
    {
      kind: 'timeout',
      code: 'timed_out',
      repeat: 'yes',
      message:
        'The server in front of Ollama gave up waiting for {model}: try again, or raise its time limit',
    },
  ],
  [
    { status: [413] },
    never(
      'too-large',
      'limit_exceeded',
      'The server in front of Ollama takes no request for {model} of this size: send less, or raise its limit',
    ),
  ],
  [{ status: [499] }, never('canceled', 'aborted', 'Ollama says that the request for {model} was canceled')],
]

/** Paths whose answers are long pieces of work: an error in a stream that began well has no status. */
const WORK = /^\/api\/(?:pull|push|create|blobs)/

/** What a server's failure means in groat's words. */
export function toError(failure: Failure): AIError {
  const body = parseBody(failure.text.trim())
  const { text, json, details } = body
  const told = { status: body.status ?? failure.status, text, json, details }
  const row = (WORK.test(failure.path) && findRow(WORK_ROWS, told)) || findRow(ROWS, told)
  return toAIError(row ?? byStatus(told.status), failure, told)
}

/** What to make of a status that no row knows. */
function byStatus(status: number = 500): Row {
  if (status >= 400 && status < 500) return BAD_REQUEST
  if (status < 400) {
    const message = 'The server redirects the request for {model}: set baseUrl to the final address'
    return never('redirect', 'config_invalid', message)
  }
  if (status > 500) {
    const message = 'The server in front of {model} failed: {said}. Try again, or see its log'
    return unavailable('gateway', 'yes', message)
  }
  // What Ollama's own 500 means is not known; most of them are the same the next time.
  return unavailable('server-error', 'once', 'Ollama failed with {model}: {said}. See the log of the server')
}

interface Body {
  readonly text: string
  readonly json: boolean
  /** A status that the body itself names. */
  readonly status: number | undefined
  readonly details: Readonly<Record<string, unknown>>
}

/** The shapes in which the server, its runner or a proxy in front puts an error (ollama/ollama api/types.go, llm/). */
function parseBody(text: string): Body {
  const json = leadingObject(text)
  if (!json) return { text: plainText(text), json: false, status: undefined, details: factsOf(text) }
  const { error, signin_url: signinUrl, StatusCode: code } = json
  const said = typeof error === 'string' ? error : messageOf(error ?? json)
  const nested = leadingObject(said)
  const inner = isObject(nested?.['error']) ? nested['error'] : undefined
  return {
    text: inner
      ? `${messageOf(inner)} (${typeof inner['type'] === 'string' ? inner['type'] : 'error'})`
      : said.trim(),
    json: true,
    status: typeof code === 'number' ? code : undefined,
    details: {
      ...(isSigninUrl(signinUrl) && { signinUrl }),
      ...factsOf(said, inner),
      // The runner's last words may stand behind its answer.
      ...(inner && /out of memory/i.test(said) && { outOfMemory: true }),
    },
  }
}

/** Facts for a program. */
function factsOf(said: string, inner?: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const ref = /\(ref: ([\w-]+)\)/.exec(said)?.[1]
  const sizes =
    /request \((\d+) tokens\) exceeds the available context size \((\d+) tokens\)/.exec(said) ??
    /input length \((\d+) tokens\) exceeds the model's maximum context length \((\d+) tokens\)/.exec(said)
  return {
    ...(ref !== undefined && { ref }),
    ...(sizes && { promptTokens: Number(sizes[1]), contextSize: Number(sizes[2]) }),
    ...(inner?.['n_ctx'] !== undefined && {
      promptTokens: inner['n_prompt_tokens'],
      contextSize: inner['n_ctx'],
    }),
  }
}

/** A crash of the runner, and numbers that are none, come from one text of a batch: the others do without it. */
export function mayBeOneText({ details }: AIError): boolean {
  return details['kind'] === 'runner-crash' || details['kind'] === 'model-fault'
}

/** What a model cannot do, as the server says when it is asked for it: the same call succeeds without. */
export function refusalOf({ details }: AIError): 'reasoning' | 'prefill' | undefined {
  if (details['kind'] === 'bad-history') return 'prefill'
  return /does not support thinking/.test(String(details['said'])) ? 'reasoning' : undefined
}

/** Its `key` is a public one, and without it the page knows nobody; anything but Ollama's own page is not passed on. */
function isSigninUrl(url: unknown): url is string {
  return typeof url === 'string' && /^https:\/\/(?:[a-z0-9-]+\.)*ollama\.com\//.test(url)
}
