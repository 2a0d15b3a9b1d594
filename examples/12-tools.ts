// Let the model call your functions: arguments are checked before they run, results go back to it, each round is billed.
import { createAI, tool } from 'groat'
import { z } from 'zod'

const weather = tool({
  name: 'get_weather',
  description: 'The weather in a city, now',
  input: z.object({ city: z.string() }),
  run: async ({ city }) => ({ city, celsius: 21 }),
})

await using ai = createAI({ providers: { ollama: { model: 'llama3.2' } } })
ai.on('toolCalled', ({ call }) => console.log(`${call.name} ${JSON.stringify(call.arguments)}`))

const answer = await ai.sendMessage('Is it warm in Paris?', { tools: [weather] })

console.log(answer.text)
console.log(`${answer.attempts.length} rounds, ${answer.usage.inputTokens} tokens in, ${answer.cost.status}`)
