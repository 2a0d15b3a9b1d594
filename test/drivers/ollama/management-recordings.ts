// Which recordings of a real Ollama are replayed where: every file of the folder is in one of the lists of
// recordings.test.ts or in one of these.

/** Replayed through `ai.models` and `ai.embed` in management-recordings.test.ts. */
export const MANAGED = [
  'chat-on-embed-model',
  'copy',
  'copy-unknown',
  'create-bad-blob',
  'create-from',
  'delete',
  'delete-again',
  'delete-derived',
  'embed',
  'embed-dimensions',
  'embed-empty',
  'embed-on-chat-model',
  'embed-too-long',
  'load',
  'ps',
  'ps-loaded',
  'pull-offline',
  'show-unknown',
  'unload',
] as const

/** What groat never asks for, and why; where a failure was recorded, its answer is replayed in recordings.test.ts. */
export const NEVER_ASKED: Readonly<Record<string, string>> = {
  'tiny-chat-generate': 'groat has conversations and sends them to /api/chat, never to /api/generate',
  'tiny-jinja-generate': 'groat has conversations and sends them to /api/chat, never to /api/generate',
  root: 'whether a server is there is asked of /api/version, which says which one it is',
  'v1-chat': "the driver speaks Ollama's native API, never the one that is made to look like OpenAI's",
  'v1-models': "the driver speaks Ollama's native API, never the one that is made to look like OpenAI's",
  'wrong-method': 'a chat is a POST',
  'bad-json': 'a body is always whole JSON',
  'no-model': 'a call without a model is refused before it is sent',
  'not-found-path': 'all paths that the driver asks for are in the API',
}
