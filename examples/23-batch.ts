// A hundred questions under one limit, ten at a time. What was answered is not asked again: a second run goes on.
import { createAI, formatUsd, isAIError } from 'groat'

const project = 'reviews'
const questions = Array.from({ length: 100 }, (_, index) => ({ id: `q${index}`, text: `Review ${index}?` }))

await using ai = createAI({
  providers: { ollama: { model: 'gpt-oss:20b-cloud' } },
  prices: [
    { provider: 'ollama', model: 'gpt-oss:20b-cloud', perMillionTokens: { input: '0.07', output: '0.30' } },
  ],
  ledger: 'sqlite:./batch.db',
})

for (const limit of ['0.0001', '0.01']) {
  await ai.budgets.set({ scope: 'project', id: project, period: 'total', limit })
  await run()
  const [status] = await ai.budgets.status({ project })
  console.log(`${(await answered()).size} of ${questions.length} answered`)
  if (status) console.log(`${formatUsd(status.spent)} of $${limit} spent, ${formatUsd(status.held)} held`)
}

/** Asks what was not answered before, until all are or the limit is reached. */
async function run(): Promise<void> {
  const before = await answered()
  const todo = questions.filter(({ id }) => !before.has(id))
  const work = async (): Promise<void> => {
    for (let one = todo.shift(); one; one = todo.shift()) {
      try {
        // Here you would keep the answer, under the same id.
        await ai.sendMessage(one.text, { project, tags: [one.id], maxOutputTokens: 100 })
      } catch (error) {
        if (!isAIError(error, 'budget_exceeded')) throw error
        // The others hold what their calls can cost: one at work fewer. The last one is refused with nothing held.
        todo.unshift(one)
        return
      }
    }
  }
  await Promise.all(Array.from({ length: 10 }, work))
}

/** The ledger knows what was answered: each call has its question's id as a tag. */
async function answered(): Promise<Set<string>> {
  const ids = new Set<string>()
  for await (const { outcome, tags } of ai.ledger.entries({ project })) {
    if (outcome === 'ok') for (const tag of tags) ids.add(tag)
  }
  return ids
}
