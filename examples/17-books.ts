// The books: sums over time and by tags, an export for a spreadsheet, and the proof that all of it adds up.
import { createWriteStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { createAI, formatUsd } from 'groat'

await using ai = createAI({
  providers: { ollama: { model: 'gpt-oss:20b-cloud' } },
  prices: [
    { provider: 'ollama', model: 'gpt-oss:20b-cloud', perMillionTokens: { input: '0.07', output: '0.30' } },
  ],
  budgets: [{ scope: 'project', id: 'site', period: 'month', limit: '5.00' }],
  ledger: 'sqlite:./books.db',
})

for (const tags of [['nightly', 'batch'], ['batch'], []]) {
  await ai.sendMessage('Hello', { user: 'ada', project: 'site', tags })
}

for (const { group, calls, cost } of await ai.ledger.series({ step: 'month', by: ['tag'] })) {
  console.log(`${group.tag ?? 'without a tag'}: ${calls} calls, ${formatUsd(cost)} this month`)
}

await pipeline(ai.ledger.export({ format: 'csv', tag: 'batch' }), createWriteStream('batch.csv'))
const [heads = '', ...rows] = (await readFile('batch.csv', 'utf8')).trimEnd().split('\r\n')
console.log(`${rows.length} rows of ${heads.split(',').length} columns`)

const { entries, windows, discrepancies } = await ai.ledger.verify()
console.log(`${entries} entries and ${windows} window: ${discrepancies.length} discrepancies`)
