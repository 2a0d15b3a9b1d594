// Gemini: thoughts apart from the answer, and what it cost. Without a key it talks to a stand-in, so that it runs anywhere.
import { createAI } from 'groat'
import { fakeGemini } from 'groat/testing'

const hasKey = process.env['GEMINI_API_KEY'] !== undefined
await using standIn = hasKey ? undefined : await fakeGemini()
standIn?.reply({ thinking: 'Blue is scattered most.', text: 'Because air scatters blue light.' })

const here = standIn ? { baseUrl: standIn.baseUrl, apiKey: 'any', prices: 'gemini' } : {}
await using ai = createAI({ providers: { gemini: { model: 'gemini-2.5-flash', ...here } } })

const answer = await ai.sendMessage('Why is the sky blue?', { reasoning: 'low' })
console.log(answer.reasoning)
console.log(answer.text)
for (const { kind, quantity, unitPrice, amount } of answer.cost.lines) {
  console.log(`${kind}: ${quantity} x $${unitPrice} = $${String(amount)}`)
}
