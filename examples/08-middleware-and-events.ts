// Middleware may change a call, in both modes alike; listeners are told what happened and can change nothing.
import { createAI, type Middleware } from 'groat'

const politely: Middleware = (call, next) =>
  next({
    ...call,
    request: {
      ...call.request,
      messages: [{ role: 'system', content: 'Be polite.' }, ...call.request.messages],
    },
  })

await using ai = createAI({ providers: { ollama: { model: 'llama3.2' } }, middleware: [politely] })
ai.on('costCalculated', ({ model, usage, cost }) => {
  console.log(`${model} read ${usage.inputTokens} tokens: ${cost.status}`)
})

await ai.sendMessage('Hello')
