import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

// The template is tried as its users try it: a driver is made of it in a copy of this repository, compiled there, and held
// to the contract.
const ROOT = join(import.meta.dirname, '../..')
const COPIED = [
  'src',
  'test',
  'docs',
  'scripts',
  'templates',
  'prices',
  'package.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'vitest.config.ts',
  '.oxlintrc.json',
  '.oxfmtrc.json',
]
const NAME = 'nimbus'
const PATIENCE_MS = 180_000

interface Ran {
  readonly code: number
  readonly output: string
}

let copy: string

/** Runs a program of the project in the copy, as a shell of its own would. */
async function run(program: string, ...args: readonly string[]): Promise<Ran> {
  const env = { PATH: process.env['PATH'], HOME: copy, NO_COLOR: '1' }
  const done = promisify(execFile)(process.execPath, [join(copy, program), ...args], { cwd: copy, env })
  return done.then(
    ({ stdout, stderr }) => ({ code: 0, output: stdout + stderr }),
    (error: { code: number; stdout: string; stderr: string }) => {
      return { code: error.code, output: error.stdout + error.stderr }
    },
  )
}

const make = (...args: readonly string[]): Promise<Ran> => run('scripts/make-driver.ts', ...args)
interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
}

/** Runs tests in the copy, and counts them. */
async function vitest(...args: readonly string[]): Promise<Report> {
  const report = join(copy, 'report.json')
  rmSync(report, { force: true })
  await run('node_modules/vitest/vitest.mjs', 'run', '--reporter=json', `--outputFile=${report}`, ...args)
  return JSON.parse(readFileSync(report, 'utf8')) as Report
}

const read = (path: string): string => readFileSync(join(copy, path), 'utf8')

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'groat-template-'))
  for (const name of COPIED) cpSync(join(ROOT, name), join(copy, name), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
})
afterAll(() => rmSync(copy, { recursive: true, force: true }))

describe('make:driver', () => {
  it.each([[], ['Nimbus'], ['my-driver'], ['../out'], ['1st'], ['mock'], ['x']])(
    'makes nothing of a name that is none: %s',
    async (...args) => {
      const { code, output } = await make(...args)
      expect([code, output]).toEqual([1, expect.stringContaining('is no name for a driver') as unknown])
    },
  )

  it('makes nothing where a driver is already', async () => {
    const before = read('src/drivers/registry.ts')
    const { code, output } = await make('ollama')
    expect([code, output]).toEqual([1, expect.stringContaining('nothing was made') as unknown])
    expect(read('src/drivers/registry.ts')).toBe(before)
    expect(existsSync(join(copy, 'src/testing/ollama-subject.ts'))).toBe(false)
  })

  it(
    'makes a driver that is registered, compiles, and is written as the others are',
    async () => {
      expect(await make(NAME)).toMatchObject({ code: 0, output: expect.stringContaining(NAME) as unknown })
      expect(read('src/drivers/registry.ts')).toContain(
        "  nimbus: { load: async () => (await import('./nimbus/index.ts')).nimbus },\n}",
      )
      expect(read('src/drivers/nimbus/index.ts')).toContain('class NimbusDriver extends AbstractDriver')
      expect(read('src/drivers/nimbus/api.ts')).toContain("env['NIMBUS_API_KEY']")
      const { exports } = JSON.parse(read('package.json')) as { exports: Record<string, unknown> }
      expect(exports['./nimbus']).toEqual({
        types: './dist/drivers/nimbus/index.d.ts',
        default: './dist/drivers/nimbus/index.js',
      })
      const made = [
        'src/drivers/nimbus',
        'test/drivers/nimbus',
        'src/testing/fake-nimbus.ts',
        'src/testing/nimbus-subject.ts',
      ]
      const config = {
        extends: './tsconfig.json',
        include: ['src', 'test/drivers/nimbus', 'test/contract', 'test/fixtures/nimbus'],
      }
      writeFileSync(join(copy, 'tsconfig.made.json'), JSON.stringify(config))
      expect(await run('node_modules/typescript/bin/tsc', '-p', 'tsconfig.made.json')).toEqual({
        code: 0,
        output: '',
      })
      expect(
        await run('node_modules/.bin/oxfmt', '--check', ...made, 'src/drivers/registry.ts'),
      ).toMatchObject({ code: 0 })
      expect(await run('node_modules/.bin/oxlint', '--type-aware', '--deny-warnings', ...made)).toMatchObject(
        { code: 0 },
      )
    },
    PATIENCE_MS,
  )

  it(
    'makes a driver that passes the contract as it stands',
    async () => {
      const report = await vitest('test/drivers/nimbus')
      // Skipped is what it does not declare: thoughts twice, a picture, a sound.
      expect([report.numFailedTests, report.numPendingTests]).toEqual([0, 4])
      expect(report.numPassedTests).toBeGreaterThan(30)
    },
    PATIENCE_MS,
  )

  it(
    'makes a driver that the house takes for one of its own, with nothing missing',
    async () => {
      expect(await vitest('test/house.test.ts')).toMatchObject({ numFailedTests: 0 })
      rmSync(join(copy, 'docs/drivers/nimbus.md'))
      expect(await vitest('test/house.test.ts')).toMatchObject({ numFailedTests: 1 })
    },
    PATIENCE_MS,
  )

  it(
    'makes a driver that fails the contract once it is wrong',
    async () => {
      const path = join(copy, 'src/drivers/nimbus/stream.ts')
      const right = readFileSync(path, 'utf8')
      writeFileSync(
        path,
        right.replace("type: 'text-delta', text }", "type: 'text-delta', text: text.trim() }"),
      )
      const report = await vitest('test/drivers/nimbus')
      writeFileSync(path, right)
      expect(report.numFailedTests).toBeGreaterThan(0)
      expect(report.numPassedTests).toBeGreaterThan(0)
    },
    PATIENCE_MS,
  )
})
