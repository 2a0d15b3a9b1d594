// Show an answer while it is written. The stream ends with the same answer that sendMessage would have given.
import { createAI } from 'groat'

await using ai = createAI({ providers: { ollama: { model: 'llama3.2' } } })

const stream = ai.streamMessage('Tell me a story', { maxOutputTokens: 200 })
for await (const event of stream) {
  if (event.type === 'text-delta') process.stdout.write(event.text)
}

const answer = await stream.response
console.log(`\n${answer.finishReason.unified} after ${answer.usage.outputTokens} tokens`)
