import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { defaultLedger, toLedgerName } from '../../src/config/env.ts'
import { loadConfig } from '../../src/config/load.ts'
import { isAIError, type AIError } from '../../src/core/errors.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'groat-config-'))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

const HOME = { HOME: '/home/ada' }

function write(name: string, text: string): string {
  const file = join(folder, name)
  writeFileSync(file, text)
  return file
}

/** Loads in a plain Node: under vitest it is vite that reads TypeScript and finds its mistakes. */
function loadInNode(): { readonly config?: unknown; readonly message?: string; readonly cause?: string } {
  const script = `
    import { loadConfig } from ${JSON.stringify(LOAD)}
    const told = await loadConfig({ cwd: ${JSON.stringify(folder)}, env: {} }).catch(({ message, cause }) => {
      return { message, cause: String(cause) }
    })
    console.log(JSON.stringify(told))`
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
  })
  return JSON.parse(stdout) as ReturnType<typeof loadInNode>
}

const LOAD = new URL('../../src/config/load.ts', import.meta.url).href

async function refusal(options: Parameters<typeof loadConfig>[0] = {}): Promise<AIError> {
  const error: unknown = await loadConfig({ cwd: folder, env: HOME, ...options }).then(
    () => new Error('It was not refused'),
    (error: unknown) => error,
  )
  if (!isAIError(error)) throw error
  expect(error.code).toBe('config_invalid')
  return error
}

describe('files', () => {
  test.each([
    ['groat.config.json', '{ "default": "ollama", "providers": { "ollama": { "model": "m" } } }'],
    ['groat.config.js', 'export default { default: "ollama", providers: { ollama: { model: "m" } } }'],
    [
      'groat.config.mjs',
      'export default async () => ({ default: "ollama", providers: { ollama: { model: "m" } } })',
    ],
    ['groat.config.js', 'module.exports = { default: "ollama", providers: { ollama: { model: "m" } } }'],
  ])('%s is read', async (name, text) => {
    const file = write(name, text)
    expect(await loadConfig({ cwd: folder, env: HOME })).toEqual({
      source: file,
      config: {
        default: 'ollama',
        providers: { ollama: { model: 'm' } },
        ledger: 'sqlite:/home/ada/.local/share/groat/ledger.db',
      },
    })
  })

  test('TypeScript is read by Node itself', () => {
    write('groat.config.ts', 'const model: string = "m"\nexport default { providers: { ollama: { model } } }')
    expect(loadInNode().config).toMatchObject({ providers: { ollama: { model: 'm' } } })
  })

  test('objects of classes and functions stay what they are', async () => {
    write(
      'groat.config.mjs',
      'class L { append() {} }\nexport default { ledger: new L(), providers: { home: () => 1 } }',
    )
    const { config } = await loadConfig({ cwd: folder, env: HOME })
    expect(config.ledger?.constructor.name).toBe('L')
    expect(config.providers?.['home']).toBeTypeOf('function')
  })

  test('what is in no groat.config.* has no say', async () => {
    write('.env', 'GROAT_MODEL=x')
    write('.groatrc', 'default=x')
    write('package.json', '{ "groat": { "default": "x" } }')
    const { config, source } = await loadConfig({ cwd: folder, env: HOME })
    expect(source).toBeUndefined()
    expect(Object.keys(config)).toEqual(['ledger'])
  })

  test('one that was changed is read again', async () => {
    const file = write('groat.config.mjs', 'export default { default: "a" }')
    await loadConfig({ cwd: folder, env: HOME })
    writeFileSync(file, 'export default { default: "bb" }')
    expect((await loadConfig({ cwd: folder, env: HOME })).config.default).toBe('bb')
  })

  test('a relative ledger is relative to the file', async () => {
    write('mine.json', '{ "ledger": "sqlite:./books/a.db" }')
    const { config } = await loadConfig({ cwd: '/', configFile: join(folder, 'mine.json'), env: HOME })
    expect(config.ledger).toBe(`sqlite:${join(folder, 'books/a.db')}`)
  })

  test('one that was named must be there', async () => {
    expect((await refusal({ configFile: 'none.json' })).message).toContain(join(folder, 'none.json'))
  })
})

describe('what is refused', () => {
  test.each([
    ['{ "provider": {} }', 'there is no key provider; did you mean providers?'],
    ['{ "extends": "gh:a/b" }', 'there is no key extends'],
    ['{ "providers": { "ollama": { "baseURL": "s" } } }', 'providers.ollama.baseURL; did you mean baseUrl?'],
    ['{ "providers": { "o": { "timeouts": { "idleMS": 1 } } } }', 'timeouts.idleMS; did you mean idleMs?'],
    ['{ "providers": { "o": { "retries": "s" } } }', 'providers.o.retries: expected number, received string'],
    ['{ "providers": { "o": { "retries": 99 } } }', 'providers.o.retries: expected number to be <=10'],
    ['{ "providers": { "o": { "local": "s" } } }', "providers.o.local: expected 'auto', true or false"],
    ['{ "providers": { "o": 5 } }', 'providers.o: expected an object, or a driver such as ollama()'],
    ['{ "ledger": 5 }', "ledger: expected 'memory:', 'sqlite:PATH' or a Ledger"],
    ['{ "durability": "s" }', 'durability: expected one of "before"|"after"'],
    ['[]', 'expected object, received array'],
    ['5', 'expected an object'],
  ])('%s', async (text, says) => {
    const file = write('groat.config.json', text)
    const { message, details } = await refusal()
    expect(message).toContain(says)
    expect(message).toContain(file)
    expect(details['file']).toBe(file)
  })

  test('prices are texts; a mistyped key is told before the key that is missing for it', async () => {
    write(
      'groat.config.json',
      '{ "prices": [{ "provider": "a", "model": "b", "perMillionTokens": { "input": 1, "ouput": "2" } }] }',
    )
    expect((await refusal()).details['problems']).toMatchObject([
      {
        path: 'prices.0.perMillionTokens.ouput',
        says: expect.stringContaining('did you mean output?') as string,
      },
      { path: 'prices.0.perMillionTokens.input' },
      { path: 'prices.0.perMillionTokens.output' },
    ])
  })

  test.each([
    ['groat.config.json', '{ "providers": { "ollama": { "apiKey": sk-secret } } }', 'not valid JSON'],
    ['groat.config.mjs', 'throw new Error("boo")', 'boo'],
    ['groat.config.mjs', 'export const config = {}', 'default export'],
    ['groat.config.mjs', 'export default null', 'default export'],
  ])('%s with %s', async (name, text, says) => {
    write(name, text)
    const error = await refusal()
    expect(error.message).toContain(says)
    expect(error.message).toContain(name)
    expect(`${error.message} ${JSON.stringify(error)} ${String(error.cause)}`).not.toContain('secret')
  })

  test('a program that is none, without quoting it', () => {
    write('groat.config.ts', 'export default {\n  apiKey: sk-secret sk }')
    const { message, cause } = loadInNode()
    expect(message).toMatch(/groat\.config\.ts: it is not valid JavaScript or TypeScript/)
    expect(`${message} ${cause}`).not.toContain('secret')
  })

  test("a key's value is in no part of an error", async () => {
    write(
      'groat.config.json',
      '{ "providers": { "o": { "apiKey": ["sk-secret"], "headers": "sk-secret", "x": "sk-secret" } } }',
    )
    const error = await refusal()
    expect(`${error.message} ${JSON.stringify(error)}`).not.toContain('secret')
    expect(error.cause).toBeUndefined()
  })
})

describe('the environment', () => {
  test('goes over the file', async () => {
    write(
      'groat.config.json',
      '{ "providers": { "a": { "driver": "ollama", "model": "m" }, "b": { "driver": "ollama" } } }',
    )
    const env = { ...HOME, GROAT_PROVIDER: 'b', GROAT_MODEL: 'n', GROAT_LEDGER: 'books.db' }
    const { config } = await loadConfig({ cwd: folder, env })
    expect(config).toEqual({
      default: 'b',
      providers: { a: { driver: 'ollama', model: 'm' }, b: { driver: 'ollama', model: 'n' } },
      ledger: `sqlite:${join(folder, 'books.db')}`,
    })
    const model = await loadConfig({ cwd: folder, env: { ...HOME, GROAT_MODEL: 'n' } })
    expect(model.config.providers?.['a']).toMatchObject({ model: 'n' })
  })

  test('works without a file; an empty variable is none', async () => {
    const { config } = await loadConfig({
      cwd: folder,
      env: { ...HOME, GROAT_MODEL: 'n', GROAT_PROVIDER: '' },
    })
    expect(config).toMatchObject({ default: 'ollama', providers: { ollama: { model: 'n' } } })
  })

  test('a model cannot be given to a provider that a function makes', async () => {
    write('groat.config.mjs', 'export default { providers: { home: () => 1 } }')
    expect((await refusal({ env: { ...HOME, GROAT_MODEL: 'n' } })).message).toContain('GROAT_MODEL')
  })

  test('an unknown variable of ours is refused with the nearest; those of tests are not ours', async () => {
    expect((await refusal({ env: { GROAT_LEDGR: 'x' } })).message).toContain('did you mean GROAT_LEDGER?')
    await loadConfig({ cwd: folder, env: { ...HOME, GROAT_LIVE: 'required', GROAT_TEST_X: '1' } })
  })

  test.each([
    ['memory:', 'memory:'],
    ['sqlite:a.db', 'sqlite:/work/a.db'],
    ['sqlite:/a.db', 'sqlite:/a.db'],
    ['a.db', 'sqlite:/work/a.db'],
    ['sqlite:', 'sqlite:'],
    ['postgres://host/db', 'postgres://host/db'],
  ])('the ledger %s is %s', (written, name) => {
    expect(toLedgerName(written, '/work')).toBe(name)
  })

  test('the data folder is the one of the system', () => {
    expect(defaultLedger(HOME, 'linux')).toBe('sqlite:/home/ada/.local/share/groat/ledger.db')
    expect(defaultLedger({ ...HOME, XDG_DATA_HOME: '/data' }, 'linux')).toBe('sqlite:/data/groat/ledger.db')
    expect(defaultLedger({ ...HOME, XDG_DATA_HOME: 'data' }, 'linux')).toContain('/home/ada/.local/share/')
    expect(defaultLedger(HOME, 'darwin')).toBe('sqlite:/home/ada/Library/Application Support/groat/ledger.db')
    expect(defaultLedger({ LOCALAPPDATA: '/l' }, 'win32')).toBe('sqlite:/l/groat/ledger.db')
  })
})
