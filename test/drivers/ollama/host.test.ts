import { describe, expect, it } from 'vitest'
import { createAI } from '../../../src/index.ts'
import { parseHost, toAddress } from '../../../src/drivers/ollama/api.ts'
import { errorOf, openWorld } from './world.ts'

const baseUrl = (host: string): string => toAddress({ baseUrl: host }, {}).baseUrl

describe('an address, read as Ollama reads OLLAMA_HOST', () => {
  it.each([
    ['', 'http://127.0.0.1:11434'],
    ['   ', 'http://127.0.0.1:11434'],
    ['example.com', 'http://example.com:11434'],
    ['example.com:8080', 'http://example.com:8080'],
    ['http://example.com', 'http://example.com'],
    ['https://example.com', 'https://example.com'],
    ['https://example.com/ollama', 'https://example.com/ollama'],
    ['https://example.com:8443/a/b/', 'https://example.com:8443/a/b'],
    ['ollama.com', 'https://ollama.com'],
    ['::1', 'http://[::1]:11434'],
    ['[::1]', 'http://[::1]:11434'],
    ['[::1]:1234', 'http://[::1]:1234'],
    ['fe80::42', 'http://[fe80::42]:11434'],
    [':1234', 'http://127.0.0.1:1234'],
    ['0.0.0.0', 'http://127.0.0.1:11434'],
    ['0.0.0.0:1234', 'http://127.0.0.1:1234'],
    ['http://0.0.0.0:1234', 'http://127.0.0.1:1234'],
    ['[::]', 'http://[::1]:11434'],
    ['[::]:1234', 'http://[::1]:1234'],
    ['::', 'http://[::1]:11434'],
    ['0:0:0:0:0:0:0:0', 'http://[::1]:11434'],
    ['example.com:99999', 'http://example.com:11434'],
    ['example.com:-1', 'http://example.com:11434'],
    ['example.com:zork', 'http://example.com:11434'],
    ['example.com:', 'http://example.com:11434'],
    ['http://example.com:zork', 'http://example.com'],
    ['https://example.com:99999', 'https://example.com'],
    ['  example.com:8080\n', 'http://example.com:8080'],
    ['"example.com:8080"', 'http://example.com:8080'],
    ["'http://example.com:8080/'", 'http://example.com:8080'],
    [' " 10.0.0.7 " ', 'http://10.0.0.7:11434'],
    ['http://example.com:8080/', 'http://example.com:8080'],
    ['http://example.com:8080///', 'http://example.com:8080'],
    ['HTTP://Example.COM:8080', 'http://example.com:8080'],
    ['localhost', 'http://localhost:11434'],
    // Copied with what groat adds itself.
    ['http://example.com:8080/api', 'http://example.com:8080'],
    ['http://example.com:8080/api/', 'http://example.com:8080'],
    ['http://example.com:8080/v1', 'http://example.com:8080'],
    ['http://example.com:8080/v1/chat/completions', 'http://example.com:8080'],
    ['http://example.com:8080/ollama/api/chat', 'http://example.com:8080/ollama'],
    ['example.com/api/tags', 'http://example.com:11434'],
    // Not copied: a prefix of its own.
    ['https://example.com/api/ollama', 'https://example.com/api/ollama'],
    ['https://example.com/v10', 'https://example.com/v10'],
  ])('%j is %s', (host, url) => {
    expect(baseUrl(host)).toBe(url)
  })

  it.each([
    'ftp://example.com',
    'ws://example.com',
    'file:///etc/hosts',
    'http:/example.com',
    'https//example.com',
    'http://http://example.com',
    'two words',
    'http://exam ple.com',
    'exam\tple.com',
    'http://example.com?x=1',
    'http://example.com/#top',
    'http://example.com\\api',
    '[::1',
    '[zork]',
    'a:b:c',
    'http://a%zz',
    'http://[fe80::1%eth0]:1',
  ])('%j is refused with what to write', (host) => {
    expect(() => baseUrl(host)).toThrow(
      expect.objectContaining({
        code: 'config_invalid',
        message: expect.stringMatching(/write it as http:\/\/127\.0\.0\.1:11434 or host:port/),
      }),
    )
  })

  it.each([
    'http://ada:s3cr3t-pw@exam ple.com',
    'ada:s3cr3t-pw@exam ple.com',
    'http://ada:s3cr3t/pw@host',
    'ada:a@s3cr3t-pw@[x',
  ])('shows no password of %j', (host) => {
    expect(() => baseUrl(host)).toThrow(
      expect.objectContaining({ message: expect.not.stringMatching(/s3cr3t|pw/) }),
    )
  })

  it('takes a password with an @ in it as it is', () => {
    const url = parseHost('http://ada:p@ss@example.com:8080')
    expect([url.hostname, decodeURIComponent(url.password)]).toEqual(['example.com', 'p@ss'])
  })

  it('comes from the configuration first, then from OLLAMA_HOST', () => {
    expect(toAddress({}, { OLLAMA_HOST: '10.0.0.7' }).baseUrl).toBe('http://10.0.0.7:11434')
    expect(toAddress({ baseUrl: 'box' }, { OLLAMA_HOST: '10.0.0.7' }).baseUrl).toBe('http://box:11434')
  })

  it('reaches the server that OLLAMA_HOST names, with a path before its own', async () => {
    await using world = await openWorld()
    world.server.on('/behind/api/version', { body: { version: '9.9.9' } })
    world.server.on('/behind/api/tags', { body: { models: [] } })
    const env = { OLLAMA_HOST: ` "${new URL(world.server.url).host}/behind/" ` }
    await using ai = createAI({ runtime: { env } })
    expect(await ai.provider('ollama').models.list()).toEqual([])
    expect(world.server.requests.map(({ path }) => path)).toEqual(['/behind/api/tags'])
  })

  it('is checked at the first use, and the error names no secret', async () => {
    await using ai = createAI({ providers: { ollama: { baseUrl: 'ftp://ada:s3cr3t@host' } } })
    const error = await errorOf(ai.sendMessage('Hi'))
    expect(error.code).toBe('config_invalid')
    expect(error.message).not.toContain('s3cr3t')
  })
})

describe('a key and where it may go', () => {
  const authorization = (
    host: string,
    apiKey?: string,
    env: Record<string, string> = {},
  ): string | undefined =>
    toAddress({ baseUrl: host, ...(apiKey !== undefined && { apiKey }) }, env).headers['authorization']
  const env = { OLLAMA_API_KEY: 'sk-cloud' }

  it.each(['ollama.com', 'https://ollama.com', 'https://api.ollama.com/x', 'https://OLLAMA.com.'])(
    'of the environment goes to %s',
    (host) => expect(authorization(host, undefined, env)).toBe('Bearer sk-cloud'),
  )

  it.each([
    '',
    'https://example.com',
    'https://notollama.com',
    'https://ollama.com.evil.example',
    'https://ollama.com@evil.example',
  ])('of the environment does not go to %j', (host) =>
    expect(authorization(host, undefined, env) ?? '').not.toContain('sk-cloud'),
  )

  it.each([
    'http://example.com',
    'box:11434',
    'http://ollama.com',
    'http://10.0.0.7',
    'http://ada:pw@example.com',
  ])('never goes in the clear to %s', (host) => {
    const given = host.includes('@') ? undefined : 'sk-own'
    expect(() => authorization(host, given, env)).toThrow(
      expect.objectContaining({ code: 'config_invalid', message: expect.not.stringMatching(/sk-|pw/) }),
    )
  })

  it.each(['https://example.com', 'http://127.0.0.1:1', 'localhost', '[::1]:5'])(
    'of the configuration goes to %s',
    (host) => expect(authorization(host, 'sk-own')).toBe('Bearer sk-own'),
  )

  it('is taken without the blanks around it, and nothing is none', () => {
    const host = 'https://ollama.com'
    expect(authorization(host, ' sk-own\n')).toBe('Bearer sk-own')
    expect(authorization(host, undefined, { OLLAMA_API_KEY: 'sk-cloud\n' })).toBe('Bearer sk-cloud')
    expect([authorization(host, '', env), authorization(host, ' ')]).toEqual(['Bearer sk-cloud', undefined])
  })
})
