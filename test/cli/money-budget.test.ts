import { spawnSync } from 'node:child_process'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { groat, groatProgram, newPlace, parsed, startAtTerminal, type Place } from './child.ts'
import { json, moneyPlace, MOST, ONE_CALL } from './money-place.ts'

// Each test starts programs, which takes seconds on a busy machine.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 })

let place: Place

beforeEach(() => {
  place = moneyPlace()
  return () => place[Symbol.dispose]()
})

// oxlint-disable-next-line no-control-regex -- colours are made of them
const RED = /^\u001b\[31m.*\u001b\[39m$/
const hasScript = spawnSync('script', ['--version']).status === 0

const SET = ['budget', 'set'] as const

describe('groat budget', () => {
  test('sets, lists, changes and removes limits, each in a program of its own', async () => {
    expect(await groatProgram(place, [...SET, '5.00', '--user', 'ada', '--period', 'day'])).toEqual({
      code: 0,
      stdout: 'set: user ada: $5.00 per day (UTC, then reject)\n',
      stderr: '',
    })
    const each = [...SET, '$0.5', '--user', '*', '--period', 'day', '--time-zone', 'Europe/Berlin']
    const rules = ['--on-limit', 'home/mock-1', '--mode', 'observe', '--unpriced', 'allow']
    await groatProgram(place, [...each, ...rules, '--threshold', '0.5', '--threshold', '0.25'])
    await groatProgram(place, [...SET, 'none', '--organization', 'acme', '--period', 'total'])
    await groatProgram(place, [...SET, '20', '--project', 'site'])
    expect((await groatProgram(place, ['budget', 'list'])).stdout.split('\n')).toEqual([
      'WHOSE              PERIOD   LIMIT  ZONE           ON LIMIT     BESIDES',
      'each user          day      $0.50  Europe/Berlin  home/mock-1  observed only, unknown prices pass, tells at 0.25 and 0.5',
      'user ada           day      $5.00  UTC            reject',
      'project site       month   $20.00  UTC            reject',
      'organization acme  total     none  UTC            reject',
      '',
    ])
    const changed = await json(place, ...SET, '0.000000000001', '--user', 'ada', '--period', 'day')
    expect(changed).toEqual({
      code: 0,
      value: {
        scope: 'user',
        id: 'ada',
        period: 'day',
        limit: '0.000000000001',
        timeZone: 'UTC',
        unpriced: 'deny',
        mode: 'enforce',
        thresholds: [0.8, 0.95],
        onLimit: 'reject',
      },
    })
    const ada = ['--user', 'ada', '--period', 'day']
    expect((await groatProgram(place, ['budget', 'remove', ...ada])).stdout).toBe(
      'removed: user ada: $0.000000000001 per day (UTC, then reject)\n',
    )
    expect(await groatProgram(place, ['budget', 'remove', ...ada])).toMatchObject({
      code: 1,
      stdout: 'there is no limit for user ada per day: see `groat budget list`\n',
    })
    expect(await json(place, 'budget', 'remove', ...ada)).toEqual({ code: 1, value: { removed: false } })
    const { value } = await json(place, 'budget', 'list')
    expect(value['budgets']).toMatchObject([
      { scope: 'user', id: '*', onLimit: { fallback: 'home/mock-1' }, thresholds: [0.25, 0.5] },
      { scope: 'project', id: 'site', limit: '20' },
      { scope: 'organization', id: 'acme', limit: null },
    ])
  })

  test('says how they stand after calls', async () => {
    expect((await groat(place, ['budget', 'list'])).stdout).toContain('`groat budget set 5.00 --user ada`')
    expect((await groat(place, ['budget', 'status'])).stdout).toContain('no limit counts anything yet')
    await groat(place, [...SET, '0.0052', '--user', '*', '--period', 'total'])
    await groat(place, [...SET, 'none', '--project', 'site', '--period', 'total'])
    await groat(place, ['ask', 'Hi', '--user', 'ada', '--project', 'site'])
    await groat(place, ['ask', 'Hi', '--user', 'ada'])
    // Free calls are no part of it.
    await groat(place, ['ask', 'Hi', '--user', 'ada', '--provider', 'home'])
    await groat(place, ['ask', 'Hi', '--user', 'bob', '--provider', 'home'])
    const { stdout } = await groatProgram(place, ['budget', 'status'])
    expect(stdout.split('\n')).toEqual([
      'WHOSE         PERIOD    LIMIT      SPENT   HELD       LEFT  UNTIL (UTC)',
      'user ada      total   $0.0052  $0.000348  $0.00  $0.004852  -',
      `project site  total      none  $${ONE_CALL}  $0.00          -  -`,
      '',
    ])
    const { value } = await json(place, 'budget', 'status', '--user', 'bob')
    expect(value['status']).toMatchObject([
      { id: 'bob', spent: '0', held: '0', remaining: '0.0052', resetsAt: null },
    ])
    expect((await groat(place, ['budget', 'status', '--key', 'k'])).stdout).toContain('no limit over time')
    await groat(place, [...SET, '3', '--key', 'k', '--period', 'month'])
    expect((await groat(place, ['budget', 'status', '--key', 'k'])).stdout).toMatch(
      /^key k {2}month {3}\$3\.00 {2}\$0\.00 {2}\$0\.00 {2}\$3\.00 {2}\d{4}-\d\d-01 00:00$/m,
    )
  })

  test('refuses a call that does not fit, says why, and sends nothing', async () => {
    await groat(place, [...SET, '0.005', '--user', 'ada', '--period', 'total'])
    expect((await groatProgram(place, ['ask', 'Hi', '--user', 'ada'])).code).toBe(0)
    const refused = await groatProgram(place, ['ask', 'Hi', '--user', 'ada'])
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toContain('$0.005')
    expect(refused.stderr).toContain(`next:  see how it stands with \`groat budget status --user ada\`\n`)
    expect(refused.stderr).toContain('code:  budget_exceeded\n')
    const { code, value } = await json(place, 'ask', 'Hi', '--user', 'ada')
    expect(code).toBe(1)
    expect(value['error']).toMatchObject({
      code: 'budget_exceeded',
      details: { scope: 'user', id: 'ada', limit: '0.005', spent: ONE_CALL, held: '0', needed: MOST },
    })
    // Whom it does not concern, and what is free, passes.
    expect((await groatProgram(place, ['ask', 'Hi', '--user', 'bob'])).code).toBe(0)
    const free = await groatProgram(place, ['ask', 'Hi', '--user', 'ada', '--provider', 'home'])
    expect(free.code).toBe(0)
    const { value: usage } = await json(place, 'usage', '--user', 'ada')
    expect(usage['sum']).toMatchObject({ calls: 2, cost: ONE_CALL, freeAttempts: 1 })
  })

  test('an id that a shell would take apart is not written as a command', async () => {
    await groat(place, [...SET, '0', '--user', 'a b; rm', '--period', 'total'])
    const { stderr } = await groat(place, ['ask', 'Hi', '--user', 'a b; rm'])
    expect(stderr).toContain('next:  see how it stands with `groat budget status`\n')
  })

  test("limits of the call itself, and what happens where they don't cover it", async () => {
    const ask = (...args: string[]) => groatProgram(place, ['ask', 'Hi', ...args])
    expect(await ask('--budget', MOST)).toMatchObject({ code: 0, stdout: 'Hello\n' })
    const refused = await ask('--budget', '0.0049970999')
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain(
      'next:  give more with --budget, or see what it can cost with `groat quote`\n',
    )
    const fitted = await ask('--budget', '0.001', '--on-limit', 'fit')
    expect(fitted).toMatchObject({ code: 0, stdout: 'Hello\n' })
    // (0.001 - 546 x 0.00000015) / 0.0000006, rounded down.
    expect(fitted.stderr).toContain('warning: The answer may have 1530 tokens')
    const local = await ask('--budget', '0', '--on-limit', 'home/mock-1')
    expect(local).toMatchObject({ code: 0, stdout: 'Hello\n' })
    expect(local.stderr).toContain('free (declared)')
  })

  test('a model without a price is refused under a limit, and passes without one', async () => {
    await groat(place, [...SET, '5', '--user', 'ada'])
    const refused = await groatProgram(place, ['ask', 'Hi', '--user', 'ada', '--provider', 'odd'])
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toContain('code:  price_unknown\n')
    expect(refused.stderr).toContain('next:  see which prices there are with `groat prices list`\n')
    expect((await groat(place, ['ask', 'Hi', '--user', 'bob', '--provider', 'odd'])).code).toBe(0)
    await groat(place, [...SET, '5', '--user', 'ada', '--unpriced', 'allow'])
    expect((await groat(place, ['ask', 'Hi', '--user', 'ada', '--provider', 'odd'])).code).toBe(0)
  })

  test.each([
    [[...SET, '5'], 'Nobody is named whose limit it is'],
    [[...SET, '5', '--user', 'a', '--key', 'b'], 'A limit is for one of them, not for --user and --key'],
    [['budget', 'remove'], 'Nobody is named'],
    [[...SET, '5,00', '--user', 'a'], '"5,00" is no amount of dollars'],
    [[...SET, '-5', '--user', 'a'], '-5'],
    [[...SET, '1e3', '--user', 'a'], 'no amount of dollars'],
    [[...SET, '0.0000000000001', '--user', 'a'], 'no amount of dollars'],
    [[...SET, '9000001', '--user', 'a'], '$9,000,000'],
    [[...SET, '5', '--user', ''], 'empty'],
    [[...SET, '5', '--user', 'a', '--period', 'year'], 'Allowed choices are call, hour, day'],
    [[...SET, '5', '--user', 'a', '--time-zone', 'Europe/Berln'], "did you mean 'Europe/Berlin'?"],
    [[...SET, '5', '--user', 'a', '--threshold', '80'], 'share'],
    [[...SET, '5', '--user', 'a', '--threshold', 'most'], 'Write a number'],
    [[...SET, '5', '--user', 'a', '--on-limit', 'stop'], 'there are reject, fit, and a local model'],
    [[...SET, '5', '--user', 'a', '--model', 'x'], 'not for a provider or a model'],
    [['budget', 'status', '--provider', 'cloud'], 'not for a provider or a model'],
    [[...SET, '5', '--user', 'a', '--ledger', 'memory:'], 'ends with this command'],
    [['budget', 'statsu'], 'did you mean status?'],
    [['budget', 'x'], 'there are set, remove, list, status'],
    [['ask', 'Hi', '--budget', 'much'], '"much" is no amount of dollars'],
    [['ask', 'Hi', '--on-limit', 'stop'], 'there are reject, fit, and a local model'],
  ])('refuses %j', async (args, says) => {
    const { code, stdout, stderr } = await groat(place, args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(says)
    // With --json the error is an object on stdout as well.
    expect(parsed(await groat(place, [...args, '--json']))).toHaveProperty('error.code')
    expect(parsed(await groat(place, ['budget', 'list', '--json']))).toEqual({ budgets: [] })
  })

  test('a limit of the configuration is changed there, and shown with the others', async () => {
    const own = { scope: 'user', id: 'ada', period: 'day', limit: '1.5' }
    using configured = moneyPlace({ budgets: [own] })
    for (const args of [
      [...SET, '9', '--user', 'ada', '--period', 'day'],
      ['budget', 'remove', '--user', 'ada', '--period', 'day'],
    ]) {
      const { code, stderr } = await groat(configured, args)
      expect(code).toBe(2)
      expect(stderr).toContain('user ada per day is in the configuration')
    }
    expect((await groat(configured, [...SET, '9', '--user', 'ada', '--period', 'month'])).code).toBe(0)
    const { value } = await json(configured, 'budget', 'list')
    expect(value['budgets']).toMatchObject([
      { period: 'day', limit: '1.5' },
      { period: 'month', limit: '9' },
    ])
  })

  test('a ledger that cannot be opened ends with 1', async () => {
    const { code, stderr } = await groatProgram(place, ['budget', 'list', '--ledger', 'groat.config.ts'])
    expect(code).toBe(1)
    expect(stderr).toContain('code:  store_failed')
  })

  test.skipIf(!hasScript)('tables have colours at a terminal, and none with NO_COLOR', async () => {
    await groat(place, [...SET, '0', '--user', 'ada', '--period', 'total'])
    await groat(place, [...SET, '1', '--project', 'site', '--period', 'total'])
    const status = ['budget', 'status', '--user', 'ada', '--project', 'site']
    const at = (env: object): Place => ({ ...place, env: { ...place.env, TERM: 'xterm', ...env } })
    const { stdout } = await startAtTerminal(at({}), status).ended
    expect(stdout).toContain('\u001b[1mWHOSE')
    // What is used up is red, the other is as it was.
    const lines = stdout.split('\r\n')
    expect(lines.find((line) => line.includes('user ada'))).toMatch(RED)
    expect(lines.find((line) => line.includes('project site'))).toMatch(/^project site/)
    const plain = await startAtTerminal(at({ NO_COLOR: '1' }), status).ended
    expect(plain.stdout).toContain('WHOSE')
    expect(plain.stdout).not.toContain('\u001b')
  })

  test('the help of every command fits into 80 columns and has examples', async () => {
    using empty = newPlace()
    for (const words of ['set', 'remove', 'list', 'status'].map((name) => ['budget', name])) {
      const { code, stdout } = await groat(empty, [...words, '--help'])
      expect(code).toBe(0)
      expect(stdout).toContain('Examples:\n  groat budget')
      expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
    }
  })
})
