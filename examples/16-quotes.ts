// What a question can cost, before it is asked: the same mathematics by which budgets hold money for it.
import { createAI, formatUsd } from 'groat'

await using ai = createAI({
  providers: { ollama: { model: 'llama3.2' } },
  prices: [
    { provider: 'ollama', model: 'gpt-oss:20b-cloud', perMillionTokens: { input: '0.07', output: '0.30' } },
  ],
})

for (const model of ['llama3.2', 'gpt-oss:20b-cloud']) {
  const { basis, max, lines, reason } = await ai.quote('Why is the sky blue?', {
    model,
    maxOutputTokens: 1_000,
  })
  if (basis === 'free') console.log(`${model}: free`)
  else console.log(`${model}: ${max === undefined ? reason : `at most ${formatUsd(max)}`}`)
  for (const { kind, quantity, amount } of lines) console.log(`  ${kind} ${quantity}: ${formatUsd(amount)}`)
}
