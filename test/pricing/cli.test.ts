import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { waitForUpdate } from '@pydantic/genai-prices'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { diffPrices } from '../../src/pricing/diff-prices.ts'
import { createPriceList } from '../../src/pricing/price-list.ts'
import { parsePriceFile } from '../../src/pricing/price-file.ts'
import { readPublished } from '../../src/pricing/published.ts'
import { systemRuntime } from '../../src/runtime.ts'
import { groat, newPlace, parsed, type Place } from '../cli/child.ts'

type Given = { id: string; models: { id: string; prices: unknown; match: unknown }[] }[]

let place: Place
let server: Server
let url: string
let served: { readonly status: number; readonly text: string }

beforeAll(async () => {
  server = createServer((_, response) => response.writeHead(served.status).end(served.text))
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/data.json`
})

beforeEach(() => {
  place = newPlace()
  return () => place[Symbol.dispose]()
})

afterAll(() => void server.close())

/** The pinned data, changed, as the feed would serve it. */
async function feed(change: (given: Given) => void): Promise<string> {
  const given = JSON.parse(JSON.stringify(await waitForUpdate())) as Given
  change(given)
  return JSON.stringify(given)
}

function modelOf(given: Given, provider: string, id: string): Given[number]['models'][number] {
  const model = given.find((one) => one.id === provider)?.models.find((one) => one.id === id)
  if (!model) throw new Error(`no ${provider}/${id}`)
  return model
}

describe('groat prices', () => {
  test('lists them, of one provider or one model', async () => {
    const { code, stdout } = await groat(place, ['prices', 'list', '--provider', 'gemini'])
    expect(code).toBe(0)
    const lines = stdout.split('\n')
    expect(lines[0]).toMatch(/^MODEL +INPUT +CACHED +OUTPUT +LONG +CONTEXT +CHANGES$/)
    expect(lines.find((line) => line.startsWith('gemini/gemini-3.1-pro-preview '))).toMatch(
      /^\S+ +2 +0\.2 +12 +4 \/ 18 +1,048,576$/,
    )
    expect(lines.every((line) => !line.startsWith('openai/'))).toBe(true)
    const one = await groat(place, ['prices', 'list', '--model', 'gpt-5-2025-08-07', '--json'])
    expect(parsed(one)).toMatchObject([{ provider: 'openai', id: 'gpt-5', own: false }])
    // A date behind an id is priced as the id, and behind another name for it is nothing.
    const found = async (name: string): Promise<unknown> =>
      parsed(await groat(place, ['prices', 'list', '--model', name, '--json']))
    expect(await found('openai/gpt-6-luna-2026-05-01')).toMatchObject([{ id: 'gpt-6-luna' }])
    expect([await found('gpt-5.6-2026-05-01'), await found('gpt-6')]).toEqual([[], []])
  })

  test('shows one with its sources, and the own price before it', async () => {
    const prices = [{ provider: 'openai', model: 'gpt-5', perMillionTokens: { input: '1', output: '2' } }]
    writeFileSync(join(place.folder, 'groat.config.json'), JSON.stringify({ prices }))
    const shown = parsed(await groat(place, ['prices', 'show', 'openai/gpt-5', '--json']))
    expect(shown).toMatchObject([
      { provider: 'openai', own: true, prices: [{ tokens: { input: '1', output: '2' } }] },
      {
        provider: 'openai',
        own: false,
        sources: expect.arrayContaining([
          expect.objectContaining({ source: '@pydantic/genai-prices@0.1.8' }),
        ]) as unknown,
      },
    ])
    const { stdout } = await groat(place, ['prices', 'show', 'grok-4.7'])
    expect(stdout).toMatch(/^xai\/grok-4\.7\n  input +2\n/)
    expect(stdout).toContain('  above 199999: input                  4\n')
    expect(stdout).toContain('from xAI, pricing page, https://docs.x.ai/developers/pricing, 2026-11-22')
  })

  test('names the nearest of a model that is not there', async () => {
    const { code, stderr } = await groat(place, ['prices', 'show', 'gpt-5-nan'])
    expect(code).toBe(2)
    expect(stderr).toContain('did you mean gpt-5-nano?')
  })

  test('finds no difference to the data that it is made of', async () => {
    served = { status: 200, text: await feed(() => {}) }
    expect(await groat(place, ['prices', 'diff', '--url', url])).toMatchObject({
      code: 0,
      stdout: 'no differences\n',
    })
  })

  test('says what changes, and writes it only with --yes', async () => {
    served = {
      status: 200,
      text: await feed((given) => {
        modelOf(given, 'openai', 'gpt-5').prices = { input_mtok: 1, cache_read_mtok: 0.1, output_mtok: 10 }
        const openai = given.find(({ id }) => id === 'openai')
        openai?.models.push({
          id: 'gpt-7',
          match: { equals: 'gpt-7' },
          prices: { input_mtok: 0.3, output_mtok: 2 },
        })
        if (openai) openai.models = openai.models.filter(({ id }) => id !== 'ada' && id !== 'gpt-audio')
      }),
    }
    const looked = await groat(place, ['prices', 'update', '--url', url])
    expect(looked).toMatchObject({
      code: 0,
      stderr: 'nothing was written: look at the changes, and write them with --yes\n',
    })
    expect(looked.stdout.split('\n')).toEqual([
      '- openai/ada',
      '~ openai/gpt-5',
      '    input: 1.25 -> 1',
      '    cache-read: 0.125 -> 0.1',
      // The fees of tools were part of the data.
      '    1000 calls of web-search: 10 -> none',
      '    1000 calls of file-search: 2.5 -> none',
      '+ openai/gpt-7',
      '    input: 0.3',
      '    output: 2',
      '- openai/gpt-audio',
      '',
    ])
    const file = join(place.folder, 'groat.prices.json')
    expect(() => readFileSync(file)).toThrow('ENOENT')
    const wrote = await groat(place, ['prices', 'update', '--url', url, '--yes', '--json'])
    expect(parsed(wrote)).toMatchObject({ file, written: true, changes: [{}, {}, {}, {}] })
    const published = parsePriceFile(readFileSync(file, 'utf8'), file)
    const list = await createPriceList([], systemRuntime.sha256, { published })
    const input = (model: string): unknown =>
      list
        .find({ provider: 'openai', vendor: 'openai', model, at: 0, inputTokens: 1, serviceTier: undefined })
        ?.of('input')
    expect(input('gpt-7')).toEqual({ picos: 300_000n, per: 1n })
    expect(input('gpt-5')).toEqual({ picos: 1_000_000n, per: 1n })
    expect(input('ada')).toBeUndefined()
    // The list with other prices has another id.
    expect(list.id).not.toBe((await createPriceList([], systemRuntime.sha256)).id)
    expect((await groat(place, ['prices', 'diff', '--from', file])).stdout).toBe(looked.stdout)
  })

  test('writes no price that more than doubled or halved overnight, unless it is told to', async () => {
    served = {
      status: 200,
      text: await feed((given) => {
        // A zero too many, and a cut that has its day.
        modelOf(given, 'openai', 'gpt-5').prices = {
          input_mtok: 12.5,
          cache_read_mtok: 0.25,
          output_mtok: 10,
        }
        modelOf(given, 'openai', 'gpt-5-mini').prices = [
          { prices: { input_mtok: 0.25, cache_read_mtok: 0.025, output_mtok: 2 } },
          {
            constraint: { start_date: '2026-12-01' },
            prices: { input_mtok: 0.05, cache_read_mtok: 0.005, output_mtok: 0.4 },
          },
        ]
      }),
    }
    const update = ['prices', 'update', '--url', url, '--yes']
    const file = join(place.folder, 'groat.prices.json')
    const refused = await groat(place, update)
    expect([refused.code, refused.stderr]).toEqual([
      2,
      expect.stringContaining('The price of openai/gpt-5 (input) more than doubled or halved'),
    ])
    // Twice is not more than twice.
    expect(refused.stdout.split('\n').slice(0, 3)).toEqual([
      '~ openai/gpt-5',
      '    input: 1.25 -> 12.5 (!)',
      '    cache-read: 0.125 -> 0.25',
    ])
    expect(refused.stdout.match(/\(!\)/g)).toHaveLength(1)
    expect(refused.stdout).toContain('    from 2026-12-01: input: 0.05\n')
    expect(() => readFileSync(file)).toThrow('ENOENT')
    expect(parsed(await groat(place, [...update, '--force', '--json']))).toMatchObject({ written: true })
    expect(readFileSync(file, 'utf8')).toContain('"input": "12.5"')
  })

  test('refuses prices that make no sense, and writes nothing', async () => {
    served = {
      status: 200,
      text: await feed((given) => {
        modelOf(given, 'openai', 'gpt-5').prices = { input_mtok: 1.25, output_mtok: 540_000 }
      }),
    }
    const { code, stderr } = await groat(place, ['prices', 'update', '--url', url, '--yes'])
    expect(code).toBe(2)
    expect(stderr).toContain('Price of openai/gpt-5: output: 540000 is not between 0 and 2000 dollars')
    expect(() => readFileSync(join(place.folder, 'groat.prices.json'))).toThrow('ENOENT')
  })

  test.each([
    ['an error', 503, 'busy', 1, 'it answered 503'],
    ['no JSON', 200, '<html>', 2, 'it is no JSON'],
    ['something else', 200, '[1]', 2, 'no list of providers'],
    ['an object', 200, '{}', 2, '"format": "groat-prices-1"'],
    ['no vendor', 200, '[]', 2, 'no provider openai'],
  ])('refuses a feed that is %s', async (_, status, text, wanted, reason) => {
    served = { status, text }
    const { code, stderr } = await groat(place, ['prices', 'diff', '--url', url])
    expect([code, stderr]).toEqual([wanted, expect.stringContaining(reason)])
  })

  test('says what to do without a network, and about a file that is not there', async () => {
    const gone = createServer()
    await new Promise<void>((resolve) => void gone.listen(0, '127.0.0.1', resolve))
    const { port } = gone.address() as AddressInfo
    await new Promise((resolve) => gone.close(resolve))
    const offline = await groat(place, ['prices', 'update', '--url', `http://127.0.0.1:${port}/`, '--yes'])
    expect(offline.code).toBe(1)
    expect(offline.stderr).toMatch(/cannot be fetched .*ECONNREFUSED.*--from FILE/)
    const { code, stderr } = await groat(place, ['prices', 'diff', '--from', 'nowhere.json'])
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/Cannot read the prices .*nowhere\.json: ENOENT/),
    ])
  })
})

describe('a file of prices', () => {
  const good = { format: 'groat-prices-1', ...readPublished() }
  const withRow = (row: unknown): unknown => ({ ...good, vendors: { openai: [row] } })

  test('is read as it was written', () => {
    const data = parsePriceFile(JSON.stringify(good), 'f')
    expect(diffPrices(readPublished(), data)).toEqual([])
  })

  test.each<[string, unknown, RegExp]>([
    ['no sources', { ...good, sources: undefined }, /no sources/],
    ['no rows', { ...good, vendors: { openai: {} } }, /openai is no list/],
    ['a row that is text', withRow('x'), /openai is no list/],
    ['no prices', withRow({ id: 'm', sources: [0] }), /has no prices/],
    ['no tokens', withRow({ id: 'm', prices: [{}], sources: [0] }), /prices without tokens/],
    ['no id', withRow({ prices: [{ tokens: { input: '1' } }], sources: [0] }), /a name that is not a text/],
    [
      'names that are text',
      withRow({ id: 'm', names: 'n', prices: [{ tokens: { input: '1' } }], sources: [0] }),
      /no list/,
    ],
    [
      'tiers of nothing',
      withRow({ id: 'm', prices: [{ tokens: { input: '1' }, tiers: [1] }], sources: [0] }),
      /tiers without tokens/,
    ],
    [
      'a service of nothing',
      withRow({ id: 'm', prices: [{ tokens: { input: '1' }, services: { flex: 0.5 } }], sources: [0] }),
      /no fraction/,
    ],
    [
      'a limit that is text',
      withRow({
        id: 'm',
        prices: [{ tokens: { input: '1' }, services: { flex: { factor: '1/2', inputMax: '9' } } }],
        sources: [0],
      }),
      /a limit that is no number/,
    ],
  ])('is refused with %s', (_, value, reason) => {
    let thrown: unknown
    try {
      parsePriceFile(JSON.stringify(value), 'f')
    } catch (error) {
      thrown = error
    }
    expect(thrown).toMatchObject({ code: 'config_invalid', message: expect.stringMatching(reason) as string })
  })
})
