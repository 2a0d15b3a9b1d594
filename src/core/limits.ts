/** Largest request body that is sent, in bytes: prompts, pictures and tools together. */
export const REQUEST_BYTES_MAX: number = 32 * 1024 * 1024
/** Most messages in one request. */
export const MESSAGES_MAX = 10_000
/** Most tags on one call. */
export const TAGS_MAX = 32
/** Longest scope id (user, project, organization, key), tag or model name, in characters. */
export const LABEL_CHARS_MAX = 256
/** Most stop sequences in one request. */
export const STOP_SEQUENCES_MAX = 64
/** Most retries of one call. */
export const RETRIES_MAX = 10
/** Longest time that any timeout option takes, in milliseconds: one day. */
export const TIMEOUT_MS_MAX = 86_400_000
/** Most rounds of tool calls in one call. */
export const ROUNDS_MAX = 100
/** Most tools in one call. */
export const TOOLS_MAX = 128
/** Most texts in one embedding call. */
export const EMBED_VALUES_MAX = 10_000
