import { createAI, tool } from '../../../dist/index.js'
import { WEATHER, type Adapter } from './client.ts'

/** groat: `streamMessage()`. It is imported from `dist` because this folder is a package of its own. */
export const groat: Adapter = {
  name: 'groat',
  packages: ['groat'],
  takesFetch: false,
  open({ baseUrl, clock }) {
    const ai = createAI({ providers: { ollama: { baseUrl } }, ...(clock && { runtime: { clock } }) })
    const { name, description, schema } = WEATHER
    const weather = tool({ name, description, input: schema })
    return {
      clocked: clock !== undefined,
      async ask({ model, prompt, withTool, signal, onText }) {
        const stream = ai.streamMessage(prompt, {
          model,
          ...(withTool && { tools: [weather] }),
          ...(signal && { signal }),
        })
        for await (const event of stream) if (event.type === 'text-delta') onText?.(event.text)
        const { finishReason, toolCalls, warnings, cost, usage } = await stream.response
        const amount = cost.amount === undefined ? 'no amount' : `$${cost.amount.toString()}`
        const why = 'source' in cost ? cost.source : cost.reason
        return {
          finish: finishReason.unified,
          toolCalls: toolCalls.map((call) => ({ id: call.id, name: call.name, input: call.arguments })),
          warnings: warnings.map(({ code, message }) => `${code}: ${message}`),
          cost: { free: cost.status === 'free', said: `${cost.status}, ${amount} (${why})` },
          meta: usage,
        }
      },
      close: () => ai.close(),
    }
  },
}
