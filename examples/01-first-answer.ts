// Ask a local model and see what it cost: $0, and why that is certain.
import { createAI } from 'groat'

await using ai = createAI({ providers: { ollama: { model: 'llama3.2' } } })

const answer = await ai.sendMessage('Why is the sky blue?', { user: 'ada' })

console.log(answer.text)
console.log(answer.usage.inputTokens, 'tokens in,', answer.usage.outputTokens, 'tokens out')
if (answer.cost.status === 'free') console.log('free, because the model is', answer.cost.source)
