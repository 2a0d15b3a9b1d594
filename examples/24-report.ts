// What was spent since yesterday, by project and tag, as CSV for whoever pays.
import { createAI } from 'groat'

await using ai = createAI({
  providers: { ollama: { model: 'gpt-oss:20b-cloud' } },
  prices: [
    { provider: 'ollama', model: 'gpt-oss:20b-cloud', perMillionTokens: { input: '0.07', output: '0.30' } },
  ],
  ledger: 'sqlite:./report.db',
})

const since = Date.now() - 24 * 3_600_000
await ai.sendMessage('Hello', { project: 'site', tags: ['nightly'] })
await ai.sendMessage('Hello again', { project: 'site', tags: ['nightly', 'retry, maybe'] })
await ai.sendMessage('Hello', { project: 'app' })

const cell = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
const row = (cells: readonly (string | number)[]): string => cells.map((one) => cell(String(one))).join(',')

console.log(row(['project', 'tag', 'calls', 'input', 'output', 'usd', 'unknown']))
for (const total of await ai.ledger.totals({ by: ['project', 'tag'], from: since })) {
  const { group, calls, inputTokens, outputTokens, cost, unknownAttempts } = total
  const name = [group.project ?? '', group.tag ?? '']
  console.log(row([...name, calls, inputTokens, outputTokens, String(cost), unknownAttempts]))
}
