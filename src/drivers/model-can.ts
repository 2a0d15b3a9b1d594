import type { Capability } from '../core/capability.ts'
import { AIError } from '../core/errors.ts'
import type { ModelInfo } from '../core/model-info.ts'
import { neededBy, offersTools } from '../core/needs.ts'
import type { ChatRequest } from '../core/request.ts'

/** What models differ in and are said to do or not; the rest the driver does for each of them. */
const OF_MODELS: readonly Capability[] = ['tools', 'vision', 'audio']

/**
 * Refuses a request that needs what the model is known not to do, before it is sent. A model of which nothing is known
 * is asked: the provider will say so.
 *
 * @throws AIError `capability_unsupported`
 */
export function assertModelCan(profile: ModelInfo | undefined, request: ChatRequest): void {
  if (profile === undefined || profile.capabilities.length === 0) return
  const needed = neededBy(request)
  for (const capability of OF_MODELS) {
    // Calls of a conversation that is continued do no harm: the model reads them or does not.
    const wanted = capability === 'tools' ? offersTools(request) : needed.has(capability)
    if (!wanted || profile.capabilities.includes(capability)) continue
    const { provider, capabilities } = profile
    throw new AIError({
      code: 'capability_unsupported',
      message:
        `The model ${request.model} does not do ${capability}: leave it out of the call, or use a model that does ` +
        `(\`groat models\` says which). It does ${capabilities.join(', ')}`,
      provider,
      model: request.model,
      details: { capability, capabilities },
    })
  }
}
