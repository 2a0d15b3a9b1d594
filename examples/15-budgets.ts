// A limit of dollars is held before anything is sent: what does not fit is refused, sent with a shorter answer, or
// answered by a local model for nothing.
import { createAI, formatUsd, isAIError, usd } from 'groat'

await using ai = createAI({
  providers: { ollama: { model: 'gpt-oss:20b-cloud' } },
  prices: [
    { provider: 'ollama', model: 'gpt-oss:20b-cloud', perMillionTokens: { input: '0.07', output: '0.30' } },
  ],
  // For each user, with a limit of their own: 5 hundredths of a cent a day.
  budgets: [{ scope: 'user', id: '*', period: 'day', limit: usd('0.0005') }],
  ledger: 'memory:', // 'sqlite:./groat.db' for all programs of this machine, 'postgres://…' for several machines
})
ai.on('budgetExceeded', ({ scope, id, limit }) =>
  console.log(`not covered: ${scope} ${id} has ${formatUsd(limit)} a day`),
)

const ask = ai.with({ user: 'ada', maxOutputTokens: 2_000 })
try {
  await ask.sendMessage('Tell me a story')
} catch (error) {
  if (!isAIError(error, 'budget_exceeded')) throw error
  const { needed, affordableOutputTokens } = error.details
  console.log(
    'it could cost',
    String(needed),
    'and would fit with',
    affordableOutputTokens,
    'tokens of output',
  )
}

const shorter = await ask.sendMessage('Tell me a story', { onLimit: 'fit' })
console.log(shorter.warnings.map(({ code }) => code).join(), shorter.cost.status, String(shorter.cost.amount))

const local = await ask.sendMessage('Tell me a story', { onLimit: { fallback: 'ollama/llama3.2' } })
console.log(local.warnings.map(({ code }) => code).join(), local.cost.status, String(local.cost.amount))

for (const { id, spent, held, remaining } of await ai.budgets.status({ user: 'ada' })) {
  const left = remaining === null ? 'no limit' : `${formatUsd(remaining)} left`
  console.log(`${id}: ${formatUsd(spent)} spent, ${formatUsd(held)} held, ${left}`)
}
