// Ask Grok, let it search by itself, and see what each part of the answer cost: xAI says what it charged, and groat adds it
// up as well.
import { createAI } from 'groat'

await using ai = createAI({ providers: { xai: {} } })
const answer = await ai
  .provider('xai')
  .model('grok-4.3')
  .sendMessage('What is tin?', {
    reasoning: 'low',
    providerOptions: { xai: { webSearch: true } },
  })

console.log(answer.text)
for (const { kind, name = kind, quantity, amount } of answer.cost.lines) {
  console.log(`${name}: ${quantity} for $${String(amount)}`)
}
if (answer.cost.status === 'exact')
  console.log(`together $${String(answer.cost.amount)}, by ${answer.cost.source}`)
