// Every call is booked before its answer is returned. Ask the books by any dimensions.
import { createAI, formatUsd } from 'groat'

await using ai = createAI({
  providers: { ollama: { model: 'llama3.2' } },
  ledger: 'memory:', // or 'sqlite:./groat.db'
})

await ai.sendMessage('Hello', { user: 'ada', project: 'engine' })
await ai.sendMessage('Hello', { user: 'grace', project: 'compiler' })
await ai.sendMessage('Hello again', { user: 'ada', project: 'engine' })

for (const total of await ai.ledger.totals({ by: ['user', 'project'] })) {
  const { user, project } = total.group
  console.log(
    `${user}, ${project}: ${total.calls} calls, ${formatUsd(total.cost)}, ${total.unknownAttempts} unknown`,
  )
}
