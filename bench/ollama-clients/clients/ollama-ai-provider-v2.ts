import { createOllama } from 'ollama-ai-provider-v2'
import { askAiSdk } from './ai-sdk.ts'
import type { Adapter } from './client.ts'

/** ollama-ai-provider-v2: a provider for the AI SDK with requests of its own. */
export const ollamaAiProviderV2: Adapter = {
  name: 'ollama-ai-provider-v2',
  packages: ['ollama-ai-provider-v2', 'ai'],
  takesFetch: true,
  open({ baseUrl, fetch }) {
    const provider = createOllama({ baseURL: `${baseUrl}/api`, ...(fetch && { fetch }) })
    return { ask: (ask) => askAiSdk(provider(ask.model), ask) }
  },
}
