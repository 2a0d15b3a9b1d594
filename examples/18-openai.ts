// OpenAI: thoughts, an answer that fits a schema, its exact cost and what is left of the limits. Without a key it talks to a
// stand-in, so that it runs anywhere.
import { createAI } from 'groat'
import { fakeOpenAI } from 'groat/testing'

const hasKey = process.env['OPENAI_API_KEY'] !== undefined
await using standIn = hasKey
  ? undefined
  : await fakeOpenAI({ rateLimits: { 'x-ratelimit-remaining-requests': '499' } })
standIn?.reply({ reasoning: 'A metal.', text: '{"symbol":"Sn","number":50}', cachedTokens: 4 })

const here = standIn ? { baseUrl: standIn.baseUrl, apiKey: 'any', prices: 'openai' } : {}
await using ai = createAI({ providers: { openai: { model: 'gpt-6-luna', ...here } } })

const output = {
  type: 'object',
  properties: { symbol: { type: 'string' }, number: { type: 'integer' } },
  required: ['symbol', 'number'],
}
const answer = await ai.sendMessage('What is the symbol of tin, and its number?', {
  reasoning: 'low',
  output,
})

console.log(answer.reasoning)
console.log(answer.output)
for (const { kind, quantity, unitPrice, amount } of answer.cost.lines) {
  console.log(`${kind}: ${quantity} x $${unitPrice} = $${String(amount)}`)
}
console.log(`${answer.rateLimits?.requests?.remaining} requests are left`)
