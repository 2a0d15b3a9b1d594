import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MediaPart } from '../../src/index.ts'
import { bytesIn, mediaTypeOf, toBase64, toStandardBase64 } from '../../src/drivers/media-bytes.ts'
import { hasMedia } from '../../src/core/media-parts.ts'
import { Media } from '../../src/drivers/media.ts'
import type { MediaOptions } from '../../src/drivers/rooms.ts'
import { systemRuntime, type Runtime } from '../../src/runtime.ts'
import { createTransport } from '../../src/transport/index.ts'
import { isPublicAddress } from '../../src/transport/public-address.ts'
import type { Transport, TransportRequest } from '../../src/transport/transport.ts'
import { errorOf } from './world.ts'

/** A PNG of one pixel. */
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const PNG_BYTES = Buffer.from(PNG, 'base64')
const WAV = Buffer.from('RIFF\x24\0\0\0WAVEfmt ', 'latin1').toString('base64')

interface Given {
  readonly options?: MediaOptions
  readonly transport?: Transport
  readonly dns?: readonly (readonly string[])[]
  readonly timeLeftMs?: number
  readonly signal?: AbortSignal
  readonly media?: Media
}

/** The part as a driver gets it. */
async function ready(part: MediaPart, given: Given = {}): Promise<MediaPart> {
  const { timeLeftMs, signal, media = mediaOf(given) } = given
  const content = [{ type: 'text', text: 'What is it?' }, part] as const
  const request = {
    model: 'm',
    messages: [{ role: 'user', content } as const],
    stream: false,
    providerOptions: {},
  }
  const { messages } = await media.resolve(request, { timeLeftMs, signal })
  return ((messages[0]?.content ?? []) as readonly MediaPart[])[1] as MediaPart
}

function mediaOf({ options, transport, dns }: Given): Media {
  const runtime: Runtime = dns === undefined ? systemRuntime : { ...systemRuntime, builtin: dnsOf(dns) }
  const context = { provider: 'p', runtime, transport: transport ?? createTransport(systemRuntime) }
  return new Media(context, options)
}

/** Answers of a name server, one after the other. */
function dnsOf(answers: readonly (readonly string[])[]): Runtime['builtin'] {
  let index = 0
  const lookup = async (): Promise<object[]> => (answers[index++] ?? []).map((address) => ({ address }))
  return (name) => (name === 'dns' ? { promises: { lookup } } : systemRuntime.builtin(name))
}

describe('a picture', () => {
  it.each<[string, Omit<MediaPart, 'type'>]>([
    ['base64', { data: PNG }],
    [
      'base64 of the alphabet for addresses, without padding',
      { data: PNG.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '') },
    ],
    ['base64 in lines', { data: PNG.replace(/.{20}/g, '$&\r\n') }],
    ['a data URL', { data: `data:image/png;base64,${PNG}` }],
    ['a data URL as address', { url: `data:;base64,${PNG}` }],
    ['a data URL with escapes', { url: `DATA:image/png;charset=x;BASE64,${encodeURIComponent(PNG)}` }],
    ['a data URL with a stray percent sign', { url: `data:x=%ZZ;base64,${PNG}` }],
    ['bytes', { data: new Uint8Array(PNG_BYTES) }],
    ['with a wrong media type', { data: PNG, mediaType: 'image/jpeg' }],
  ])('is base64 with the type of its bytes, given as %s', async (_, given) => {
    expect(await ready({ type: 'image', ...given })).toEqual({
      type: 'image',
      data: PNG,
      mediaType: 'image/png',
    })
  })

  it.each<[string, string, string]>([
    ['\xff\xd8\xff\xe0', 'image', 'image/jpeg'],
    ['GIF89a', 'image', 'image/gif'],
    ['RIFF\x01\x02\x03\x04WEBPVP8 ', 'image', 'image/webp'],
    ['RIFF\x01\x02\x03\x04WAVEfmt ', 'audio', 'audio/wav'],
    ['ID3\x04', 'audio', 'audio/mpeg'],
    ['\xff\xfb\x90', 'audio', 'audio/mpeg'],
    ['fLaC', 'audio', 'audio/flac'],
    ['OggS', 'audio', 'audio/ogg'],
    ['\0\0\0\x1cftypM4A ', 'audio', 'audio/mp4'],
    ['%PDF-1.7', 'file', 'application/pdf'],
    ['\x89PNG\r\n\x1a\n', 'file', 'image/png'],
  ])('or a sound or a file is told by its first bytes: %j', async (bytes, type, mediaType) => {
    const data = new Uint8Array(Buffer.from(bytes, 'latin1'))
    expect(await ready({ type: type as 'image', data })).toMatchObject({ mediaType })
  })

  it.each<[string, MediaPart, RegExp]>([
    ['text', { type: 'image', data: Buffer.from('<svg>hello</svg>').toString('base64') }, /of no known type/],
    ['a sound', { type: 'image', data: WAV }, /are audio\/wav/],
    ['a picture in place of a sound', { type: 'audio', data: PNG }, /are image\/png/],
    ['no base64', { type: 'image', data: 'not/base64!' }, /no base64/],
    ['base64 with a letter too many', { type: 'image', data: 'AAAAA' }, /no base64/],
    ['nothing', { type: 'image', data: '' }, /no base64/],
    ['no bytes', { type: 'image', data: new Uint8Array() }, /of no known type/],
    ['a number', { type: 'image', data: 7 as never }, /a text or a Uint8Array/],
    ['a data URL of text', { type: 'image', url: 'data:,Hello%20there' }, /of no known type/],
    ['a data URL of broken base64', { type: 'image', url: 'data:;base64,%ZZ' }, /no base64/],
    ['a broken data URL', { type: 'image', url: 'data:image/png;base64' }, /no base64/],
    ['a path', { type: 'image', url: './cat.png' }, /read the bytes/],
    ['another scheme', { type: 'image', url: 'ftp://example.com/cat.png' }, /not one of data:/],
  ])('that is %s is request_invalid', async (_, part, message) => {
    const error = await errorOf(ready(part))
    expect([error.code, error.message]).toEqual(['request_invalid', expect.stringMatching(message)])
  })

  it('has a largest size, whatever it is given as', async () => {
    const options = { bytesMax: PNG_BYTES.length }
    expect(await ready({ type: 'image', data: PNG }, { options })).toMatchObject({ data: PNG })
    for (const data of [PNG, new Uint8Array(PNG_BYTES)]) {
      const error = await errorOf(
        ready({ type: 'image', data }, { options: { bytesMax: PNG_BYTES.length - 1 } }),
      )
      expect([error.code, error.details]).toEqual([
        'limit_exceeded',
        { limit: 'bytesMax', bytesMax: PNG_BYTES.length - 1 },
      ])
    }
  })

  it('is looked for in parts only', () => {
    const request = { model: 'm', stream: false, providerOptions: {} }
    expect(hasMedia({ ...request, messages: [{ role: 'user', content: 'Hi' }] })).toBe(false)
    expect(
      hasMedia({ ...request, messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }] }),
    ).toBe(false)
    expect(
      hasMedia({ ...request, messages: [{ role: 'user', content: [{ type: 'file', data: '' }] }] }),
    ).toBe(true)
  })

  it('comes out of base64 as it went in, of any length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60_000, size: 'max' }), (bytes) => {
        const base64 = toBase64(bytes)
        expect(base64).toBe(Buffer.from(bytes).toString('base64'))
        expect(bytesIn(base64)).toBe(bytes.length)
        if (bytes.length > 0) expect(toStandardBase64(Buffer.from(bytes).toString('base64url'))).toBe(base64)
        expect(() => mediaTypeOf(base64)).not.toThrow()
      }),
      { numRuns: 30 },
    )
  })
})

describe('a picture in a file', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'groat-media-'))
    await writeFile(join(folder, 'pixel.png'), PNG_BYTES)
  })
  afterAll(() => rm(folder, { recursive: true }))
  const partAt = (name: string): MediaPart => ({ type: 'image', url: pathToFileURL(join(folder, name)).href })

  it('is read where that is allowed', async () => {
    expect(await ready(partAt('pixel.png'), { options: { readFiles: true } })).toEqual({
      type: 'image',
      data: PNG,
      mediaType: 'image/png',
    })
  })

  it('of three gigabytes is not read first and found too large then', async () => {
    await writeFile(join(folder, 'huge.png'), PNG_BYTES)
    await truncate(join(folder, 'huge.png'), 3 * 1024 ** 3)
    expect((await errorOf(ready(partAt('huge.png'), { options: { readFiles: true } }))).code).toBe(
      'limit_exceeded',
    )
  })

  it('is not read otherwise', async () => {
    for (const options of [undefined, {}, { readFiles: false }, { fetchUrls: true }] as const) {
      const error = await errorOf(ready(partAt('pixel.png'), options === undefined ? {} : { options }))
      expect([error.code, error.message]).toEqual([
        'request_invalid',
        expect.stringMatching(/media\.readFiles/),
      ])
    }
  })

  it.each<[string, () => MediaPart, string, RegExp]>([
    ['is not there', () => partAt('missing.png'), 'request_invalid', /cannot be read \(ENOENT\)/],
    ['is a folder', () => partAt('.'), 'request_invalid', /not a file/],
    ['is a device', () => ({ type: 'image', url: 'file:///dev/zero' }), 'request_invalid', /not a file/],
    [
      'is on another host',
      () => ({ type: 'image', url: 'file://host/share/a.png' }),
      'request_invalid',
      /no file/,
    ],
    ['is too large', () => partAt('pixel.png'), 'limit_exceeded', /more than 9/],
  ])('that %s is refused', async (_, part, code, message) => {
    const error = await errorOf(ready(part(), { options: { readFiles: true, bytesMax: 9 } }))
    expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)])
    expect(error.message).not.toContain(folder)
  })
})

describe('a picture at an address', () => {
  const got: IncomingMessage[] = []
  let answer: (response: ServerResponse) => void
  const server = createServer((request, response) => {
    got.push(request)
    answer(response)
  })
  let origin: string
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => void server.close())

  const serve = (
    how: (response: ServerResponse) => void = (response) => void response.end(PNG_BYTES),
  ): void => {
    got.length = 0
    answer = how
  }
  const at = (path: string): MediaPart => ({ type: 'image', url: origin + path })
  const named = (more: MediaOptions = {}): Given => ({ options: { fetchUrls: [origin], ...more } })

  it('is fetched from an origin that the configuration names, without a key or a body', async () => {
    serve()
    expect(await ready(at('/a.png?size=2#top'), named())).toEqual({
      type: 'image',
      data: PNG,
      mediaType: 'image/png',
    })
    expect(got.map(({ method, url }) => [method, url])).toEqual([['GET', '/a.png?size=2']])
    expect(got[0]?.headers['host']).toBe(new URL(origin).host)
    expect(Object.keys(got[0]?.headers ?? {}).toSorted()).toEqual(['accept', 'connection', 'host'])
  })

  it('is fetched once for all rounds of a call, and again for another part', async () => {
    serve()
    const media = mediaOf(named())
    const part = at('/a.png')
    await ready(part, { media })
    await ready(part, { media })
    expect(got).toHaveLength(1)
    await ready({ ...part }, { media })
    expect(got).toHaveLength(2)
  })

  it.each<[string, MediaOptions | undefined, RegExp]>([
    ['nothing is said', undefined, /media\.fetchUrls/],
    ['files only are allowed', { readFiles: true }, /media\.fetchUrls/],
    ['it is forbidden', { fetchUrls: false }, /media\.fetchUrls/],
    [
      'another origin is named',
      { fetchUrls: ['https://pictures.example', 'no address'] },
      /nothing is fetched from 127/i,
    ],
    ['http is all it has', { fetchUrls: true }, /is http, which is not fetched: name its origin/],
  ])('is not fetched where %s', async (_, options, message) => {
    serve()
    const error = await errorOf(ready(at('/a.png'), options === undefined ? {} : { options }))
    expect([error.code, error.message]).toEqual(['request_invalid', expect.stringMatching(message)])
    expect(got).toEqual([])
  })

  it.each<[string, (response: ServerResponse) => void, string, RegExp]>([
    [
      'redirects',
      (response) => void response.writeHead(302, { location: 'http://10.0.0.1/' }).end(),
      'request_invalid',
      /redirects, which is not followed.*302/,
    ],
    ['is not there', (response) => void response.writeHead(404).end('no'), 'request_invalid', /HTTP 404/],
    [
      'is a page',
      (response) => void response.end('<html>Hello</html>'),
      'request_invalid',
      /of no known type/,
    ],
    [
      'is too large',
      (response) => void response.end(Buffer.alloc(1_000)),
      'limit_exceeded',
      /larger than 99 bytes/,
    ],
    [
      'breaks off',
      (response) =>
        void response.writeHead(200, { 'content-length': '99' }).write('x', () => response.destroy()),
      'stream_interrupted',
      /cut off/,
    ],
  ])('that %s is an error', async (_, how, code, message) => {
    serve(how)
    const error = await errorOf(ready(at('/a.png'), named({ bytesMax: 99 })))
    expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)])
    expect(got).toHaveLength(1)
  })

  it('is given up when the call is aborted, or when its time is over', async () => {
    serve(() => {})
    const aborting = new AbortController()
    const waiting = errorOf(ready(at('/a.png'), { ...named(), signal: aborting.signal }))
    while (got.length === 0) await new Promise((resolve) => setImmediate(resolve))
    aborting.abort()
    expect((await waiting).code).toBe('aborted')
    expect((await errorOf(ready(at('/a.png'), { ...named(), timeLeftMs: 20 }))).code).toBe('timed_out')
  })

  it('has no user in it, and only so many are fetched', async () => {
    const url = `${origin.replace('//', '//ada:secret@')}/a.png`
    const error = await errorOf(ready({ type: 'image', url }, named()))
    expect([error.code, error.message.includes('secret')]).toEqual(['request_invalid', false])
    const content = Array.from({ length: 33 }, () => at('/a.png'))
    const request = {
      model: 'm',
      messages: [{ role: 'user', content } as const],
      stream: false,
      providerOptions: {},
    }
    const many = mediaOf(named()).resolve(request, { timeLeftMs: undefined, signal: undefined })
    expect((await errorOf(many)).code).toBe('limit_exceeded')
  })
})

describe('a picture at a public address', () => {
  /** Stands for the network: notes where a request goes. */
  function noting(): { readonly requests: TransportRequest[]; readonly transport: Transport } {
    const requests: TransportRequest[] = []
    const consume = async (take: (piece: Uint8Array) => void | Promise<void>): Promise<void> =>
      take(PNG_BYTES)
    const transport: Transport = {
      send: async (request) => {
        requests.push(request)
        return { status: 200, headers: {}, abort: () => {}, consume }
      },
      close: async () => {},
    }
    return { requests, transport }
  }
  const part: MediaPart = { type: 'image', url: 'https://pictures.example:8443/a.png?b=c' }
  const options = { fetchUrls: true }

  it.each([
    [['93.184.215.14'], 'https://93.184.215.14:8443/a.png?b=c'],
    [
      ['2606:2800:21f:cb07:6820:80da:af6b:8b2c'],
      'https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]:8443/a.png?b=c',
    ],
  ])('is fetched from the address that was looked at (%j), under its name', async (addresses, url) => {
    const { requests, transport } = noting()
    // A second answer would lead into the house.
    await ready(part, { options, transport, dns: [addresses, ['127.0.0.1']] })
    expect(requests.map((request) => request.url)).toEqual([url])
    expect(requests[0]?.headers).toEqual({
      host: 'pictures.example:8443',
      accept: expect.stringContaining('image/*') as string,
    })
    expect(requests[0]?.deadlines).toEqual({ totalMs: 30_000 })
  })

  it.each([
    [['127.0.0.1']],
    [['10.1.2.3']],
    [['169.254.169.254']],
    [['::1']],
    [['fd00::1']],
    [['::ffff:10.0.0.1']],
    [['93.184.215.14', '192.168.0.1']],
    [[]],
  ])('is not fetched where the name leads to %j', async (addresses) => {
    const { requests, transport } = noting()
    const error = await errorOf(ready(part, { options, transport, dns: [addresses] }))
    expect([error.code, error.message]).toEqual([
      'request_invalid',
      expect.stringMatching(/not on the public internet/),
    ])
    expect(requests).toEqual([])
  })

  it.each(['127.0.0.1', '[::1]', '2130706433', '0x7f.1', '[::ffff:127.0.0.1]', 'localhost'])(
    'is not fetched from this machine, however it is written: %s',
    async (host) => {
      const { requests, transport } = noting()
      const error = await errorOf(
        ready({ type: 'image', url: `https://${host}/a.png` }, { options, transport }),
      )
      expect(error.code).toBe('request_invalid')
      expect(requests).toEqual([])
    },
  )

  it('is refused where the runtime has no name server to ask, or where that knows nothing', async () => {
    const { transport } = noting()
    const blind = { ...systemRuntime, builtin: () => undefined }
    const media = new Media({ provider: 'p', runtime: blind, transport }, options)
    expect((await errorOf(ready(part, { media }))).code).toBe('request_invalid')
    const deaf = {
      ...systemRuntime,
      builtin: () => ({ promises: { lookup: () => Promise.reject(new Error('ENOTFOUND')) } }),
    }
    const lost = new Media({ provider: 'p', runtime: deaf, transport }, options)
    expect((await errorOf(ready(part, { media: lost }))).code).toBe('network_failed')
  })
})

describe('an address of the public internet', () => {
  it.each([
    '1.1.1.1',
    '8.8.8.8',
    '93.184.215.14',
    '172.15.0.1',
    '172.32.0.1',
    '192.167.1.1',
    '100.63.0.1',
    '100.128.0.1',
    '223.255.255.255',
    '2606:4700::1111',
    '2a00:1450:4001:81b::200e',
    '64:ff9b::808:808',
  ])('is %s', (address) => expect(isPublicAddress(address)).toBe(true))

  it.each([
    '0.0.0.0',
    '10.0.0.1',
    '100.64.0.1',
    '100.127.255.255',
    '127.0.0.1',
    '127.255.0.1',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.1',
    '192.0.2.1',
    '192.88.99.1',
    '192.168.1.1',
    '198.18.0.1',
    '198.19.255.255',
    '198.51.100.7',
    '203.0.113.7',
    '224.0.0.1',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:8.8.8.8',
    '::8.8.8.8',
    'fc00::1',
    'fdff::1',
    'fe80::1',
    'fe80::1%eth0',
    'fec0::1',
    'ff02::1',
    '2001:db8::1',
    '2001::1',
    '2001:1ff::1',
    '2002:7f00:1::',
    '3fff::1',
    '64:ff9b::a00:1',
    '64:ff9b:1::1',
    '100::1',
    '4000::1',
    '',
    'localhost',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '0x7f.0.0.1',
    'g::1',
    ':::1',
  ])('is not %s', (address) => expect(isPublicAddress(address)).toBe(false))
})
