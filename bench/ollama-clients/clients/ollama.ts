import { Ollama } from 'ollama'
import { WEATHER, type Adapter, type ToolCall } from './client.ts'

/** ollama-js: `chat({ stream: true })` and a `for await` loop; one stream is stopped by its own `abort()`. */
export const ollama: Adapter = {
  name: 'ollama',
  packages: ['ollama'],
  takesFetch: true,
  open({ baseUrl, fetch }) {
    const client = new Ollama({ host: baseUrl, ...(fetch && { fetch }) })
    return {
      async ask({ model, prompt, withTool, signal, onText }) {
        const { name, description, schema } = WEATHER
        const tools = [{ type: 'function', function: { name, description, parameters: schema } }]
        const stream = await client.chat({
          model,
          messages: [{ role: 'user', content: prompt }],
          stream: true,
          ...(withTool && { tools }),
        })
        signal?.addEventListener('abort', () => stream.abort())
        const toolCalls: ToolCall[] = []
        let last: unknown
        let finish: string | undefined
        for await (const part of stream) {
          if (part.message.content !== '') onText?.(part.message.content)
          for (const call of part.message.tool_calls ?? []) {
            const { id } = call as { id?: string }
            toolCalls.push({ id, name: call.function.name, input: call.function.arguments })
          }
          if (part.done) finish = part.done_reason
          last = part
        }
        return { finish, toolCalls, warnings: [], meta: last }
      },
    }
  },
}
