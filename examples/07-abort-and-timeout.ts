// Leaving the loop, a signal or a time limit closes the connection at once; what was used is booked.
import { createAI } from 'groat'

await using ai = createAI({ providers: { ollama: { model: 'llama3.2' } } })

let words = 0
for await (const event of ai.streamMessage('Count to a thousand', { timeoutMs: 60_000 })) {
  if (event.type === 'text-delta' && ++words === 3) break
}

const [total] = await ai.ledger.totals()
console.log(`left after ${words} words, booked ${total?.attempts} attempt`)
