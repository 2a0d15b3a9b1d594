import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { createAI, type Client } from '../../src/index.ts'
import { loadConfig } from '../../src/config/load.ts'
import { formatPriceFile } from '../../src/pricing/price-file.ts'
import { readPublished } from '../../src/pricing/published.ts'
import type { PriceData } from '../../src/pricing/price-rows.ts'
import { fakeOpenAI } from '../../src/testing/fake-openai.ts'

const folder = mkdtempSync(join(tmpdir(), 'groat-prices-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** The published prices, with others for one model. */
function withPrice(input: string, output: string): PriceData {
  const data = readPublished()
  const openai = (data.vendors['openai'] ?? []).map((row) =>
    row.id === 'gpt-6-luna' ? { ...row, prices: [{ tokens: { input, output } }] } : row,
  )
  return { ...data, vendors: { ...data.vendors, openai } }
}

async function amountOf(ai: Client): Promise<string> {
  const { cost } = await ai.sendMessage('Hi')
  return String(cost.amount)
}

test('a file of prices goes in place of those that come with groat, and a missing one is refused', async () => {
  await using server = await fakeOpenAI()
  server.default({ text: 'Hello' })
  const providers = {
    openai: { apiKey: 'k', baseUrl: server.baseUrl, model: 'gpt-6-luna', prices: 'openai' },
  }
  writeFileSync(join(folder, 'prices.json'), formatPriceFile(withPrice('1000', '2000')))
  writeFileSync(join(folder, 'groat.config.json'), JSON.stringify({ providers, pricesFile: 'prices.json' }))
  const { config } = await loadConfig({ cwd: folder, env: { GROAT_LEDGER: 'memory:' } })
  expect(config.pricesFile).toBe(join(folder, 'prices.json'))
  await using own = createAI(config)
  await using shipped = createAI({ providers })
  // Two tokens in and two out.
  expect(await amountOf(own)).toBe('0.006')
  expect(await amountOf(shipped)).toBe('0.0000012')
  await using missing = createAI({ providers, pricesFile: join(folder, 'nowhere.json') })
  await expect(missing.sendMessage('Hi')).rejects.toMatchObject({ code: 'config_invalid' })
})
