import { beforeEach, describe, expect, test, vi } from 'vitest'
import { groat, groatProgram, type Place } from './child.ts'
import { json, moneyPlace, MOST } from './money-place.ts'

// Each test starts programs, which takes seconds on a busy machine.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 })

let place: Place

beforeEach(() => {
  place = moneyPlace()
  return () => place[Symbol.dispose]()
})

describe('groat quote', () => {
  test('says what a question can cost, line by line, and asks nothing', async () => {
    const ended = await groatProgram(place, ['quote', 'Hi'])
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(ended.stdout.split('\n')).toEqual([
      `$0.00000015 to $${MOST}  cloud/mock-1`,
      'AT MOST      QUANTITY         EACH      AMOUNT',
      'input      546 tokens  $0.00000015  $0.0000819',
      'output   8,192 tokens   $0.0000006  $0.0049152',
      '',
    ])
    expect((await groat(place, ['usage'])).stdout).toBe('nothing booked yet\n')
  })

  test('holds the most that the same call may cost: it passes with that budget, and with nothing less', async () => {
    const call = ['--max-output-tokens', '100', '--system', 'Be short', 'What is', 'a groat?']
    const { code, value } = await json(place, 'quote', ...call)
    expect(code).toBe(0)
    // 7 + 16 bytes of text, 2 messages and the request: 23 + 64 + 512 tokens; 100 tokens out.
    expect(value).toMatchObject({ basis: 'price-list', inputTokens: 600, outputTokens: 100, max: '0.00015' })
    expect((await groat(place, ['ask', ...call, '--budget', String(value['max'])])).code).toBe(0)
    expect((await groat(place, ['ask', ...call, '--budget', '0.000149999999'])).code).toBe(1)
  })

  test('with --budget it ends with 1 where it can cost more, and says so', async () => {
    const quote = (...args: string[]) => groatProgram(place, ['quote', 'Hi', ...args])
    expect(await quote('--budget', MOST)).toMatchObject({ code: 0, stderr: '' })
    expect(await quote('--budget', '0.0049970999')).toMatchObject({
      code: 1,
      stderr: 'it can cost more than $0.0049970999\n',
    })
    expect(await quote('--budget', '5', '--provider', 'odd')).toMatchObject({
      code: 1,
      stderr: 'nobody knows whether it costs more than $5.00\n',
    })
    expect((await quote('--budget', '0', '--provider', 'home')).code).toBe(0)
  })

  test('tells free and unknown apart from a price', async () => {
    expect(await groatProgram(place, ['quote', 'Hi', '--provider', 'home'])).toMatchObject({
      code: 0,
      stdout: 'free  home/mock-1 runs on your own machine\n',
    })
    const odd = await groatProgram(place, ['quote', 'Hi', '--provider', 'odd'])
    expect(odd.code).toBe(0)
    expect(odd.stdout).toMatch(/^unknown {2}odd\/mock-1: .*price/)
    const { value } = await json(place, 'quote', 'Hi', '--model', 'odd/mock-1')
    expect(value).toMatchObject({ provider: 'odd', basis: 'unknown', lines: [] })
    expect(value).not.toHaveProperty('max')
  })

  test('reads a pipe as ask does', async () => {
    const long = 'x'.repeat(10_000)
    const { value } = {
      value: JSON.parse((await groatProgram(place, ['quote', '--json', '-'], long)).stdout) as object,
    }
    expect(value).toMatchObject({ inputTokens: 10_000 + 32 + 512 })
  })

  test.each([
    [['quote'], 'There is no question'],
    [['quote', 'Hi', '--budget', '0,1'], '"0,1" is no amount of dollars'],
    [['quote', 'Hi', '--on-limit', 'fit'], "unknown option '--on-limit'"],
    [['quote', 'Hi', '--provider', 'clod'], 'did you mean cloud?'],
    [['quote', 'Hi', '--max-output-tokens', '-1'], '--max-output-tokens'],
  ])('refuses %j', async (args, says) => {
    const { code, stderr } = await groat(place, args)
    expect(code).toBe(2)
    expect(stderr).toContain(says)
  })
})
