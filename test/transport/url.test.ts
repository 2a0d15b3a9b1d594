import { describe, expect, it } from 'vitest'
import { assertKeyMayTravel, isLoopback, splitUserInfo } from '../../src/transport/url.ts'

describe('isLoopback', () => {
  const yes = [
    'localhost',
    'LOCALHOST',
    'localhost.',
    'a.localhost',
    '127.0.0.1',
    '127.255.0.9',
    '[::1]',
    '::1',
  ]
  const mapped = [new URL('http://[::ffff:127.0.0.1]').hostname, new URL('http://0x7f.1').hostname]

  it.each([...yes, ...mapped])('%s is', (name) => {
    expect(isLoopback(name)).toBe(true)
  })

  const no = [
    '0.0.0.0',
    '128.0.0.1',
    '10.0.0.1',
    '127.0.0.1.example.com',
    'localhost.example.com',
    'notlocalhost',
  ]
  it.each([...no, '[::2]', '[::]', 'example.com', '', '127.0.0.256', '127.1', '[fe80::1]'])(
    '%s is not',
    (name) => {
      expect(isLoopback(name)).toBe(false)
    },
  )
})

describe('assertKeyMayTravel', () => {
  it.each(['https://api.example.com', 'http://127.0.0.1:11434', 'http://localhost/v1', 'http://[::1]:1/'])(
    'lets a key go to %s',
    (url) => {
      expect(() => assertKeyMayTravel(url, true)).not.toThrow()
    },
  )

  it.each(['http://api.example.com/v1', 'http://192.168.0.7:11434', 'ws://localhost', 'http://0.0.0.0:1/'])(
    'refuses %s',
    (url) => {
      expect(() => assertKeyMayTravel(url, false)).not.toThrow()
      expect(() => assertKeyMayTravel(url, true)).toThrow(
        expect.objectContaining({ code: 'config_invalid', message: expect.stringContaining('Use https') }),
      )
    },
  )

  it('refuses what is no URL, without repeating it', () => {
    expect(() => assertKeyMayTravel('user:s3cret@host', true)).toThrow(
      expect.objectContaining({ code: 'config_invalid', message: expect.not.stringContaining('s3cret') }),
    )
  })
})

describe('splitUserInfo', () => {
  it.each([
    ['http://host:1/path?q#f', 'http://host:1/path?q#f', undefined],
    ['http://user:pass@host/', 'http://host/', 'user:pass'],
    ['https://user@host/a', 'https://host/a', 'user:'],
    ['https://:pass@host/a', 'https://host/a', ':pass'],
    ['https://us%40er:p%3Ass%20%C3%BC@host/', 'https://host/', 'us@er:p:ss ü'],
    ['https://%E0%A4%A:x@host/', 'https://host/', '%E0%A4%A:x'],
  ])('%s', (url, bare, userInfo) => {
    const basic = userInfo === undefined ? undefined : `Basic ${Buffer.from(userInfo).toString('base64')}`
    expect(splitUserInfo(url)).toEqual({ url: bare, authorization: basic })
  })

  it('refuses what is no URL, without repeating it', () => {
    expect(() => splitUserInfo('//user:s3cret@host')).toThrow(
      expect.objectContaining({ code: 'config_invalid', message: expect.not.stringContaining('s3cret') }),
    )
  })
})
