import type { ErrorCode } from '../../../src/core/errors.ts'
import type { OllamaReply } from '../../../src/testing/fake-ollama.ts'

/** One line of the table of what Ollama says: what came, and what it means. */
export interface ErrorRow {
  readonly reply: OllamaReply
  readonly code: ErrorCode
  readonly kind: string
  /** How many requests the server sees where two retries are allowed: 1 never, 2 once, 3 as often as allowed. */
  readonly requests: 1 | 2 | 3
  readonly details?: Readonly<Record<string, unknown>>
}

const row = (
  status: number,
  error: string,
  [code, kind, requests]: readonly [ErrorCode, string, 1 | 2 | 3],
  details: Readonly<Record<string, unknown>> = {},
): ErrorRow => ({ reply: { status, error }, code, kind, requests, details })

/** What llama-server answered, as a text inside Ollama's own error. */
const nested = (error: Readonly<Record<string, unknown>>, tail: string = ''): string =>
  JSON.stringify({ error }) + tail

const BAD = ['request_invalid', 'bad-request', 1] as const
const UNSUPPORTED = ['capability_unsupported', 'unsupported-feature', 1] as const
const OVERFLOW = ['context_too_long', 'context-overflow', 1] as const
const OUT_OF_MEMORY = ['provider_unavailable', 'out-of-memory', 1] as const
const MISSING = ['model_not_found', 'model-missing', 1] as const
const TOOL_FAULT = ['response_invalid', 'model-output-fault', 2] as const
const CRASH = ['provider_unavailable', 'runner-crash', 2] as const
const LOAD_FAILED = ['provider_unavailable', 'load-failed', 2] as const
const BUSY = ['provider_unavailable', 'busy', 3] as const
const TRANSIENT = ['provider_unavailable', 'transient', 3] as const
const INCOMPATIBLE = ['provider_unavailable', 'incompatible-model', 1] as const
const QUOTA = ['quota_exhausted', 'quota', 1] as const
const DISABLED = ['permission_denied', 'cloud-disabled', 1] as const

const counts = {
  message: 'request (3022 tokens) exceeds the available context size (512 tokens), try increasing it',
  type: 'exceed_context_size_error',
  n_prompt_tokens: 3022,
  n_ctx: 512,
}
const SIZES = { promptTokens: 3022, contextSize: 512 }
const LIMITS = 'upgrade for higher limits: https://ollama.com/upgrade'
const INTERNAL =
  'this may be due to resource limitations or an internal error, check ollama server logs for details'

/** Every line of the reference's tables 4.2 and 4.3 that an answer to a chat can carry. */
export const CHAT_ROWS: readonly ErrorRow[] = [
  row(400, 'missing request body', BAD),
  row(400, 'json: cannot unmarshal array into Go struct field ChatRequest.messages of type string', BAD),
  row(400, "invalid character 'x' looking for beginning of value", BAD),
  row(400, 'unexpected EOF', BAD),
  row(400, 'illegal base64 data at input byte 4', BAD),
  row(400, 'model is required', BAD),
  row(400, 'invalid model name', BAD),
  row(400, 'use either :local or :cloud, not both', BAD),
  row(400, 'use either :local or :cloud, not both: "x:cloud:local"', BAD),
  row(400, 'top_logprobs must be between 0 and 20', BAD),
  row(400, 'invalid think value: "x" (must be "high", "medium", "low", "max", true, or false)', BAD),
  row(400, 'time: missing unit in duration "300"', BAD),
  row(400, 'time: invalid duration "5 minutes"', BAD),
  row(400, "Unsupported type: 'bool'", BAD),
  row(400, 'raw mode does not support template, system, or context', BAD),
  row(400, '"llama3.2" does not support thinking', UNSUPPORTED),
  row(
    400,
    '"llama3.2" does not support thinking. Pull the model again to get the latest version',
    UNSUPPORTED,
  ),
  row(400, '"llama3.2" does not support chat', UNSUPPORTED),
  row(400, '"llama3.2" does not support generate', UNSUPPORTED),
  row(400, 'registry.ollama.ai/library/llama3.2:latest does not support tools', UNSUPPORTED),
  row(400, 'ada/x:1 does not support insert\nada/x:1 does not support thinking', UNSUPPORTED),
  row(400, 'image generation models are not currently supported', UNSUPPORTED),
  row(400, 'this model only supports one image while more than one image requested', UNSUPPORTED),
  row(400, 'this server cannot run this remote model', ['config_invalid', 'remote-refused', 1]),
  row(400, nested({ code: 400, ...counts }), OVERFLOW, SIZES),
  row(400, nested({ code: 400, ...counts }, '\nCUDA out of memory'), OVERFLOW, {
    ...SIZES,
    outOfMemory: true,
  }),
  row(
    400,
    'the prompt is longer than the context length currently available to the model; shorten the prompt, adjust the ' +
      'context length in settings, or use a model with a longer context length',
    OVERFLOW,
  ),
  row(500, "input length (900 tokens) exceeds the model's maximum context length (512 tokens)", OVERFLOW, {
    promptTokens: 900,
    contextSize: 512,
  }),
  row(400, 'failed to parse grammar: unknown escape in pattern', ['request_invalid', 'bad-schema', 1]),
  row(400, nested({ code: 400, message: 'failed to parse grammar', type: 'invalid_request_error' }), [
    'request_invalid',
    'bad-schema',
    1,
  ]),
  row(
    400,
    nested({
      code: 400,
      message: 'Assistant response prefill is incompatible with enable_thinking.',
      type: 'x',
    }),
    ['request_invalid', 'bad-history', 1],
  ),
  row(403, 'ollama cloud is disabled: remote model is unavailable', DISABLED),
  row(403, 'ollama cloud is disabled: remote model details are unavailable', DISABLED),
  row(403, 'ollama cloud is disabled: web search is unavailable', DISABLED),
  row(403, 'ollama cloud is disabled: web fetch is unavailable', DISABLED),
  row(404, "model 'llama3.2' not found", MISSING),
  row(404, 'model "llama3.2" not found, try pulling it first', MISSING),
  row(404, 'model "llama3.2" not found', MISSING),
  row(404, "model '' not found", BAD),
  row(500, 'option "num_ctx" must be of type integer', BAD),
  row(500, 'option "stop" must be of an array of strings', BAD),
  row(500, 'invalid format: "yaml"; expected "json" or a valid JSON Schema object', BAD),
  row(500, `error parsing tool call: raw='{"a":', err=unexpected end of JSON input`, TOOL_FAULT),
  // What the model wrote decides nothing, whatever it says.
  row(
    500,
    "error parsing tool call: raw='out of memory, usage limit,\nmodel does not support chat', err=x",
    TOOL_FAULT,
  ),
  row(500, 'empty function name', TOOL_FAULT),
  row(500, 'invalid tool call: empty function name', TOOL_FAULT),
  row(500, 'tool "fly" is not declared', TOOL_FAULT),
  row(500, 'llama-server returned invalid tool call arguments for "fly": unexpected EOF', TOOL_FAULT),
  row(500, 'llama-server process has terminated: exit status 1', LOAD_FAILED),
  row(500, 'llama-server process has terminated: signal: killed: out of memory', OUT_OF_MEMORY),
  row(500, 'timed out waiting for llama-server to start - progress 0.42', [
    'provider_unavailable',
    'load-timeout',
    3,
  ]),
  row(500, 'timed out waiting for llama-server to start: context deadline exceeded', [
    'provider_unavailable',
    'load-timeout',
    3,
  ]),
  row(500, 'llama-server reported out-of-memory during startup: ggml_backend_alloc', OUT_OF_MEMORY),
  row(500, 'cudaMalloc failed: 2048 MiB', OUT_OF_MEMORY),
  row(500, 'failed to allocate buffer', OUT_OF_MEMORY),
  row(500, 'not enough memory', OUT_OF_MEMORY),
  row(500, 'model requires 9.1 GiB but only 4.0 GiB are available (after 1 GiB overhead)', OUT_OF_MEMORY),
  row(500, 'unable to load full model on GPU', OUT_OF_MEMORY),
  row(500, `model runner has unexpectedly stopped, ${INTERNAL}`, CRASH),
  row(500, `model runner has unexpectedly stopped, ${INTERNAL}: CUDA error`, CRASH),
  row(500, 'an error was encountered while running the model: unexpected EOF', CRASH),
  row(500, 'unexpected server status: loading model', BUSY),
  row(500, 'no slots available after 10 retries', BUSY),
  row(
    500,
    'failed to load model: this model may be incompatible with your version of Ollama. If you previously pulled this ' +
      'model, try updating it by running `ollama pull llama3.2`',
    INCOMPATIBLE,
  ),
  row(
    500,
    "'llama3.2-vision' is no longer compatible with your version of Ollama and has been replaced by a newer version. " +
      "To re-download, run 'ollama pull llama3.2-vision'",
    INCOMPATIBLE,
  ),
  row(500, 'prediction aborted, token repeat limit reached', ['response_invalid', 'degenerate-output', 2]),
  row(500, 'llama-server chat stream event exceeded 8 MB limit', ['limit_exceeded', 'server-limit', 1]),
  row(500, 'unexpected response', ['response_invalid', 'server-bug', 2]),
  row(500, 'unexpected error format in response', ['response_invalid', 'server-bug', 2]),
  row(500, 'something that nobody has seen before', ['provider_unavailable', 'server-error', 2]),
  row(502, 'Post "https://ollama.com:443/api/chat": dial tcp: lookup ollama.com: no such host', [
    'provider_unavailable',
    'gateway',
    3,
  ]),
  row(503, 'server busy, please try again.  maximum pending requests exceeded', BUSY),
  row(499, 'request canceled', ['aborted', 'canceled', 1]),

  // The cloud's own.
  row(401, 'unauthorized', ['authentication_failed', 'unauthorized', 1]),
  row(402, 'payment required', QUOTA),
  row(403, 'this model requires a subscription', ['permission_denied', 'forbidden', 1]),
  row(404, 'model "old:cloud" was retired', MISSING),
  row(429, `you (ada) have reached your session usage limit, ${LIMITS}`, QUOTA),
  row(429, `you (ada) have reached your weekly usage limit, ${LIMITS}`, QUOTA),
  row(429, `you (ada) have reached your hourly Usage Limit, ${LIMITS}`, QUOTA),
  row(429, `too many concurrent requests, ${LIMITS}`, ['rate_limited', 'rate-limit', 3]),
  row(500, 'Internal Server Error (ref: 9f0c7d52-1a2b-4c3d-8e9f-001122334455)', TRANSIENT, {
    ref: '9f0c7d52-1a2b-4c3d-8e9f-001122334455',
  }),
  row(503, 'Server overloaded, please retry shortly (ref: 0a1b2c3d-1a2b-4c3d-8e9f-001122334455)', TRANSIENT, {
    ref: '0a1b2c3d-1a2b-4c3d-8e9f-001122334455',
  }),

  // Seen from a real server.
  row(
    400,
    nested({
      code: 400,
      message: 'Multimodal data provided, but model does not support multimodal requests.',
    }),
    UNSUPPORTED,
  ),
  row(
    500,
    nested({ code: 500, message: 'image input is not supported - hint: provide the mmproj' }),
    UNSUPPORTED,
  ),
  row(400, "Value looks like object, but can't find closing '}' symbol", BAD),

  // What stands in front of the server.
  {
    reply: { status: 403, body: '' },
    code: 'permission_denied',
    kind: 'host-refused',
    requests: 1,
  },
  {
    reply: { status: 404, body: '404 page not found' },
    code: 'config_invalid',
    kind: 'no-such-endpoint',
    requests: 1,
  },
  {
    reply: { status: 404, body: '<html><h1>404 Not Found</h1>nginx</html>', contentType: 'text/html' },
    code: 'config_invalid',
    kind: 'no-such-endpoint',
    requests: 1,
  },
  {
    reply: { status: 405, body: '405 method not allowed' },
    code: 'config_invalid',
    kind: 'no-such-endpoint',
    requests: 1,
  },
  { reply: { status: 307, body: '' }, code: 'config_invalid', kind: 'redirect', requests: 1 },
  { reply: { status: 408, body: 'timeout' }, code: 'timed_out', kind: 'timeout', requests: 3 },
  { reply: { status: 413, body: 'too large' }, code: 'limit_exceeded', kind: 'too-large', requests: 1 },
  { reply: { status: 504, body: '' }, code: 'provider_unavailable', kind: 'gateway', requests: 3 },
]

/** The lines that only answers to other requests carry. */
export const OTHER_ROWS: readonly (ErrorRow & { readonly path: string })[] = [
  { path: '/api/embed', ...row(400, 'the input length exceeds the context length', OVERFLOW) },
  { path: '/api/embed', ...row(400, 'input after truncation exceeds maximum context length', OVERFLOW) },
  {
    path: '/api/embed',
    ...row(400, 'input exceeds maximum context length and cannot be truncated further', OVERFLOW),
  },
  {
    path: '/api/embed',
    ...row(400, 'embedding contains NaN or Inf values', ['response_invalid', 'model-fault', 1]),
  },
  {
    path: '/api/embed',
    ...row(400, 'do embedding request: Post "http://127.0.0.1:4/embedding": EOF', CRASH),
  },
  {
    path: '/api/embed',
    ...row(400, 'do embedding request: dial tcp 127.0.0.1:4: connection refused', CRASH),
  },
  { path: '/api/embed', ...row(400, 'invalid input type', BAD) },
  {
    path: '/api/embed',
    ...row(501, 'This server does not support embeddings. Start it with `--embeddings`', UNSUPPORTED),
  },
  { path: '/api/copy', ...row(404, 'model "llama3.2" not found', MISSING) },
  { path: '/api/tags', ...row(500, 'model list cache unavailable', TRANSIENT) },
  { path: '/api/me', ...row(503, 'account unavailable', TRANSIENT) },
  { path: '/api/me', ...row(401, 'unauthorized', ['authentication_failed', 'unauthorized', 1]) },
]

/** Other spellings of what is in the rows, from the sources of Ollama and of its runner. */
export const SPELLINGS: readonly (readonly [kind: string, error: string])[] = [
  ['context-overflow', 'input length exceeds the limit'],
  ['context-overflow', 'the prompt exceeds maximum context length'],
  ['out-of-memory', 'VK_ERROR_OUT_OF_DEVICE_MEMORY'],
  ['out-of-memory', 'hipErrorOutOfMemory'],
  ['out-of-memory', 'vk::Device::allocateMemory: ErrorOutOfDeviceMemory'],
  ['out-of-memory', 'CUDA error: out of device memory'],
  ['out-of-memory', 'insufficient memory'],
  ['out-of-memory', 'hipMalloc failed'],
  ['out-of-memory', 'allocation failed'],
  ['model-output-fault', 'Unexpected empty grammar stack after accepting piece: x'],
  ['bad-schema', 'JSON schema conversion failed: unknown type'],
  ['bad-schema', 'Automatic parser generation failed'],
  ['server-limit', 'llama-server chat stream event exceeded 16 MB limit'],
  ['load-failed', 'llama-server process no longer running: 1'],
  ['load-failed', 'error starting llama-server: exit status 1'],
  ['runner-crash', 'EOF'],
  ['runner-crash', 'error reading llama-server response: unexpected EOF'],
  ['server-bug', 'llama-server chat error: map[code:500]'],
]

/** What a server says of something else, with words of the rows in it. */
export const QUOTED: readonly string[] = [
  'the log has: error parsing tool call: x',
  'the log has: tool "fly" is not declared',
  'the log has: llama-server returned invalid tool call arguments for "fly"',
  'empty function name in the log',
  'the log has: input length exceeds the limit',
  'the log has: model is required',
  'model is required in the log',
  "the log has: model '' not found",
  'the far end does not support tools',
  'the log has: image generation models',
  'the log has: this model only supports one image',
  'the log has: This server does not support embeddings',
  'the log has: this server cannot run this remote model',
  'the log has: option "x" must be of type integer',
  'the log has: invalid format: x',
  'the log has: json: cannot unmarshal x',
  'the log has: error starting llama-server',
  'the log has: do embedding request: x',
  'the log has: error reading llama-server',
  'EOF in the log',
  'the log has: llama-server chat error',
  'the log has: unexpected response',
  'unexpected response in the log',
  'the log has: unexpected error format',
  'the log has: unexpected server status',
  'the log has: Internal Server Error (ref: 1)',
]
