// Vectors of texts, in order and in one request; texts that mean the same lie close together.
import { createAI } from 'groat'

await using ai = createAI({ providers: { ollama: { model: 'all-minilm' } } })

const texts = ['The cat sleeps.', 'Ships sail the sea.', 'The cat sleeps.']
const { embeddings, usage, cost } = await ai.embed(texts)

/** From -1 to 1; the vectors have length 1. */
function similarity(a: readonly number[] = [], b: readonly number[] = []): number {
  return a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0)
}

const [first, second, third] = embeddings
console.log(`${embeddings.length} vectors for ${usage.inputTokens} tokens: ${cost.status}`)
console.log(`the first and the third: ${similarity(first, third).toFixed(2)}`)
console.log(similarity(first, second) < 0.99 ? 'the second is another matter' : 'all the same')
