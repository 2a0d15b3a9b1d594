import type { AIMessageChunk } from '@langchain/core/messages'
import { tool } from '@langchain/core/tools'
import { ChatOllama } from '@langchain/ollama'
import { WEATHER, type Adapter } from './client.ts'

/** @langchain/ollama: `model.stream()`, its chunks put together with `concat` as its documentation does. */
export const langchain: Adapter = {
  name: '@langchain/ollama',
  packages: ['@langchain/ollama', '@langchain/core'],
  takesFetch: true,
  open({ baseUrl, fetch }) {
    const models = new Map<string, ChatOllama>()
    const weather = tool(() => 'sunny', WEATHER)
    return {
      async ask({ model: name, prompt, withTool, signal, onText }) {
        const model = models.get(name) ?? new ChatOllama({ model: name, baseUrl, ...(fetch && { fetch }) })
        models.set(name, model)
        const runnable = withTool ? model.bindTools([weather]) : model
        let whole: AIMessageChunk | undefined
        for await (const chunk of await runnable.stream(prompt, signal ? { signal } : {})) {
          if (chunk.text !== '') onText?.(chunk.text)
          whole = whole ? whole.concat(chunk) : chunk
        }
        const reason: unknown = whole?.response_metadata['done_reason']
        return {
          finish: typeof reason === 'string' ? reason : undefined,
          toolCalls: (whole?.tool_calls ?? []).map(({ id, name, args }) => ({ id, name, input: args })),
          warnings: (whole?.invalid_tool_calls ?? []).map(
            ({ args, error }) => `invalid tool call ${args}: ${error}`,
          ),
          meta: { response: whole?.response_metadata, usage: whole?.usage_metadata },
        }
      },
    }
  },
}
