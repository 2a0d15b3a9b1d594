// A cloud model behind Ollama is never taken for free: without a price its cost is unknown, with one it is exact.
import { createAI, formatUsd } from 'groat'

await using ai = createAI({
  providers: { ollama: { model: 'gpt-oss:20b-cloud' } },
  prices: [
    { provider: 'ollama', model: 'gpt-oss:20b-cloud', perMillionTokens: { input: '0.07', output: '0.30' } },
  ],
})

const answer = await ai.sendMessage('Hello')
if (answer.cost.status === 'exact') {
  for (const line of answer.cost.lines) {
    console.log(`${line.kind}: ${line.quantity} x $${line.unitPrice} = ${formatUsd(line.amount)}`)
  }
  console.log(`together ${formatUsd(answer.cost.amount)}`)
}
