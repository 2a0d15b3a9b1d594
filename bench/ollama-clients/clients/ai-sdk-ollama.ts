import { createOllama } from 'ai-sdk-ollama'
import { askAiSdk } from './ai-sdk.ts'
import type { Adapter } from './client.ts'

/** ai-sdk-ollama: a provider for the AI SDK on top of ollama-js. */
export const aiSdkOllama: Adapter = {
  name: 'ai-sdk-ollama',
  packages: ['ai-sdk-ollama', 'ai'],
  takesFetch: true,
  open({ baseUrl, fetch }) {
    const provider = createOllama({ baseURL: baseUrl, ...(fetch && { fetch }) })
    return { ask: (ask) => askAiSdk(provider(ask.model), ask) }
  },
}
