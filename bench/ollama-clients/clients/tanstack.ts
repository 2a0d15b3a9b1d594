import { chat, EventType, toolDefinition } from '@tanstack/ai'
import { createOllamaChat, OllamaTextAdapter } from '@tanstack/ai-ollama'
import { Ollama } from 'ollama'
import { WEATHER, type Adapter, type ToolCall } from './client.ts'

/** @tanstack/ai-ollama: `chat()` and its events; in place of a host it takes an ollama-js client, and so a `fetch`. */
export const tanstack: Adapter = {
  name: '@tanstack/ai-ollama',
  packages: ['@tanstack/ai-ollama', '@tanstack/ai'],
  takesFetch: true,
  open({ baseUrl, fetch }) {
    const adapterOf = (model: string): OllamaTextAdapter<string> =>
      fetch
        ? new OllamaTextAdapter(new Ollama({ host: baseUrl, fetch }), model)
        : createOllamaChat(model, baseUrl)
    const { name, description, schema } = WEATHER
    const weather = toolDefinition({ name, description, inputSchema: schema })
    return {
      async ask({ model, prompt, withTool, signal, onText }) {
        const abortController = new AbortController()
        signal?.addEventListener('abort', () => abortController.abort(signal.reason))
        const events = chat({
          adapter: adapterOf(model),
          messages: [{ role: 'user', content: prompt }],
          abortController,
          ...(withTool && { tools: [weather] }),
        })
        const toolCalls: (ToolCall & { input: unknown })[] = []
        let meta: unknown
        let finish: string | undefined
        for await (const event of events) {
          if (event.type === EventType.TEXT_MESSAGE_CONTENT) onText?.(event.delta)
          else if (event.type === 'TOOL_CALL_START')
            toolCalls.push({ id: event.toolCallId, name: event.toolCallName, input: undefined })
          else if (event.type === 'TOOL_CALL_END') {
            const call = toolCalls.find(({ id }) => id === event.toolCallId)
            if (call) Object.assign(call, { input: event.input })
          } else if (event.type === EventType.RUN_FINISHED) {
            finish = finishOf(event)
            meta = event
          }
          // The event is the error that a caller gets.
          else if (event.type === EventType.RUN_ERROR) throw event
        }
        return { finish, toolCalls, warnings: [], meta }
      },
    }
  },
}

/** `chat()` moves the finish reason of its adapter to the event's metadata. */
function finishOf(event: object): string | undefined {
  const { finishReason, metadata } = event as Finished
  return metadata?.tanstack?.finishReason ?? finishReason ?? undefined
}

interface Finished {
  readonly finishReason?: string | null
  readonly metadata?: { readonly tanstack?: { readonly finishReason?: string } }
}
