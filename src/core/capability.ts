/**
 * What a driver or a model can do: a closed list. A driver declares the ones it has and is held to them by the
 * driver contract; asking for one that is not declared fails with `capability_unsupported` before any request.
 */
export const CAPABILITIES = [
  'chat',
  'stream',
  'tools',
  'parallel-tools',
  'vision',
  'audio',
  'json-schema',
  'reasoning',
  'embeddings',
  'model-management',
] as const

export type Capability = (typeof CAPABILITIES)[number]
