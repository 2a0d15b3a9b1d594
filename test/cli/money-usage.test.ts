import { beforeEach, describe, expect, test, vi } from 'vitest'
import { groat, groatProgram, startGroat, type Place } from './child.ts'
import { json, moneyPlace, ONE_CALL } from './money-place.ts'

// Each test starts programs, which takes seconds on a busy machine.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 })

let place: Place

beforeEach(() => {
  place = moneyPlace()
  return () => place[Symbol.dispose]()
})

describe('groat usage', () => {
  test('sums up by tags and by time, and chooses by tag', async () => {
    await groat(place, ['ask', 'Hi', '--tag', 'batch', '--tag', 'nightly'])
    await groat(place, ['ask', 'Hi', '--tag', 'batch'])
    await groat(place, ['ask', 'Hi'])
    const byTag = await groatProgram(place, ['usage', '--by', 'tag'])
    expect(byTag.stdout.split('\n')).toEqual([
      'TAG      CALLS  INPUT  OUTPUT       COST',
      `-            1  1,000      40  $${ONE_CALL}`,
      'batch        2  2,000      80  $0.000348',
      `nightly      1  1,000      40  $${ONE_CALL}`,
      'total        3  3,000     120  $0.000522',
      '',
    ])
    expect(byTag.stderr).toBe('an attempt counts for each of its tags, and once in the total\n')
    const { value } = await json(place, 'usage', '--by', 'month,day,hour', '--tag', 'batch')
    const now = new Date().toISOString()
    expect(value['sum']).toMatchObject({ calls: 2, cost: '0.000348' })
    const [group] = value['totals'] as { group: object }[]
    expect(group?.group).toEqual({ month: now.slice(0, 7), day: now.slice(0, 10), hour: now.slice(0, 13) })
  })

  test('shows what free answers saved, and leaves the column out where nothing was', async () => {
    await groat(place, ['ask', 'Hi'])
    expect((await groatProgram(place, ['usage'])).stdout).not.toContain('SAVED')
    const free = await groat(place, ['ask', 'Hi', '--provider', 'home'])
    expect(free.stderr).toContain(`free (declared) · saved $${ONE_CALL} · 1,000 in`)
    expect((await groatProgram(place, ['usage', '--by', 'provider'])).stdout.split('\n')).toEqual([
      'PROVIDER  CALLS  INPUT  OUTPUT       COST  FREE      SAVED',
      `cloud         1  1,000      40  $${ONE_CALL}     0      $0.00`,
      `home          1  1,000      40      $0.00     1  $${ONE_CALL}`,
      `total         2  2,000      80  $${ONE_CALL}     1  $${ONE_CALL}`,
      '',
    ])
  })

  test('counts apart what is only bounded, and what is not known', async () => {
    await groat(place, ['budget', 'set', '1', '--user', 'ada', '--period', 'total'])
    const child = startGroat(place, 'ask', 'Hi', '--user', 'ada', '--provider', 'slow')
    await child.saw('one')
    child.process.kill('SIGINT')
    expect((await child.ended).code).toBe(130)
    await groat(place, ['ask', 'Hi', '--provider', 'odd'])
    const { stdout, stderr } = await groatProgram(place, ['usage', '--by', 'provider'])
    expect(stdout.split('\n')).toEqual([
      'PROVIDER  CALLS  INPUT  OUTPUT            COST  BOUNDED  UNKNOWN',
      'odd           1  1,000      40               ?        0        1',
      'slow          1      0       0      $0.0049971        1        0',
      'total         2  1,000      40  $0.0049971 + ?        1        1',
      '',
    ])
    expect(stderr).toBe(
      '1 of 2 have an unknown cost (?), which is in no sum\n1 of 2 cost at most what is in the sum (BOUNDED)\n',
    )
    // The whole of what was held counts, and nothing is held any more.
    expect((await json(place, 'budget', 'status')).value['status']).toMatchObject([
      { spent: '0.0049971', held: '0' },
    ])
  })

  test.each([
    [['--by', 'tags'], 'did you mean tag?'],
    [['--by', 'week'], 'there are user, project'],
    [['--since', '2026-12-01', '--until', '2026-11-01'], 'exchange them'],
    [['--step', 'day'], "unknown option '--step'"],
  ])('refuses %j', async (args, says) => {
    const { code, stderr } = await groat(place, ['usage', ...args])
    expect(code).toBe(2)
    expect(stderr).toContain(says)
  })
})
