import { AIError } from '../core/errors.ts'
import type { MediaPart, Part } from '../core/message.ts'
import type { ChatRequest } from '../core/request.ts'
import { isMedia, mediaOf, type ReadyMedia } from '../core/media-parts.ts'
import { readBody } from '../transport/body.ts'
import { isPublicAddress } from '../transport/public-address.ts'
import { isLoopback } from '../transport/url.ts'
import { bytesIn, dataUrlContent, mediaTypeOf, toBase64, toStandardBase64 } from './media-bytes.ts'
import type { DriverContext, MediaOptions, MediaPlaces, TakenMedia } from './rooms.ts'

/** Largest picture, sound or file where nothing else is configured, in bytes: base64 makes a third more of it. */
const MEDIA_BYTES_MAX: number = 20 * 1024 * 1024
/** Longest time for fetching one, in milliseconds. */
const FETCH_MS_MAX = 30_000
/** Most fetched ones in one request: each is a request of its own. */
const FETCHED_MAX = 32

/** What is fetched for a message says what it is with these, and nothing about who asks. */
const ACCEPT = 'image/*, audio/*, application/pdf;q=0.9, */*;q=0.1'

/** What a model takes in place of bytes; undefined where it takes bytes in messages and nothing else. */
type PlacesOf = (model: string) => MediaPlaces | undefined

/** How long a request waits for its media. */
interface Patience {
  readonly signal: AbortSignal | undefined
  readonly timeLeftMs: number | undefined
}

/**
 * Makes the pictures, sounds and files of a request ready: what the provider reads itself stays as it is, the rest
 * becomes base64 of whatever it was given as.
 */
export class Media {
  readonly #context: DriverContext
  readonly #options: MediaOptions
  readonly #placesOf: PlacesOf
  /** What was fetched, as long as someone holds the part: later rounds and retries send the same. */
  readonly #fetched = new WeakMap<MediaPart, { readonly url: string; readonly data: string }>()

  constructor(context: DriverContext, options: MediaOptions = {}, placesOf: PlacesOf = () => undefined) {
    this.#context = context
    this.#options = options
    this.#placesOf = placesOf
  }

  /**
   * The request with its media ready.
   *
   * @throws AIError `request_invalid` for what is no picture or sound, may not be fetched, or has no place with the
   * provider; `limit_exceeded`
   */
  async resolve(request: ChatRequest, patience: Patience): Promise<ChatRequest> {
    const ready = new Map<MediaPart, MediaPart>()
    const away: MediaPart[] = []
    for (const { part, taken } of placed(request, this.#placesOf(request.model) ?? {})) {
      if (this.#goesAsItIs(part, taken)) continue
      const data = this.#atHand(part)
      if (data === undefined) away.push(part)
      else ready.set(part, this.#ready(part, data))
    }
    for (const [part, media] of await this.#fetchAll(away, patience)) ready.set(part, media)
    return withMedia(request, ready)
  }

  /** Whether the provider knows what the part is by its id, or reads its address itself. */
  #goesAsItIs(part: MediaPart, { urls = {}, fileIds = [] }: TakenMedia): boolean {
    const { type, url, fileId } = part
    if (fileId !== undefined) {
      if (fileIds.includes(type)) return true
      throw invalid(
        `The provider takes no file id for ${nameOf(part)}: pass the bytes as data, or an address as url`,
      )
    }
    // A data URL can be long: it is not even read for this.
    const target = url !== undefined && /^https?:/i.test(url) ? URL.parse(url) : null
    if (!target || !urls[type]?.some((begin) => target.href.startsWith(begin))) return false
    // What the configuration names is to be fetched here: the provider may not reach it, or not be let in.
    if (this.#isNamed(target) || !mayBePublic(target.hostname)) return false
    assertNoUser(part, target)
    return true
  }

  async #fetchAll(
    away: readonly MediaPart[],
    patience: Patience,
  ): Promise<readonly (readonly [MediaPart, ReadyMedia])[]> {
    if (away.length > FETCHED_MAX) {
      const message = `The request has ${away.length} addresses to fetch; at most ${FETCHED_MAX} are: pass bytes as data`
      throw new AIError({ code: 'limit_exceeded', message })
    }
    return Promise.all(
      away.map(async (part) => {
        const url = part.url ?? ''
        const data = toBase64(await this.#bytesAt(part, url, patience))
        this.#fetched.set(part, { url, data })
        return [part, this.#ready(part, data)] as const
      }),
    )
  }

  /** The base64 of what needs no fetching. */
  #atHand(part: MediaPart): string | undefined {
    const { data, url } = part
    if (data instanceof Uint8Array) return toBase64(data)
    const text = data ?? url
    if (typeof text !== 'string') throw invalid(`The data of ${nameOf(part)} is a text or a Uint8Array`)
    if (/^data:/i.test(text)) return dataUrlContent(text) ?? notBase64(part)
    if (data !== undefined) return toStandardBase64(text) ?? notBase64(part)
    const known = this.#fetched.get(part)
    return known?.url === text ? known.data : undefined
  }

  #ready(part: MediaPart, data: string): ReadyMedia {
    const bytes = bytesIn(data)
    if (bytes > this.#bytesMax) throw tooLarge(part, this.#bytesMax)
    const mediaType = mediaTypeOf(data)
    if (mediaType === undefined || (part.type !== 'file' && !mediaType.startsWith(`${part.type}/`))) {
      throw invalid(
        `The bytes of ${nameOf(part)} are ${mediaType ?? 'of no known type'}: PNG, JPEG, WebP and GIF are pictures, ` +
          'WAV, MP3, FLAC, Ogg and M4A are sounds',
      )
    }
    const { url: _, ...rest } = part
    return { ...rest, data, mediaType }
  }

  get #bytesMax(): number {
    return this.#options.bytesMax ?? MEDIA_BYTES_MAX
  }

  #bytesAt(part: MediaPart, url: string, patience: Patience): Promise<Uint8Array> {
    const target = URL.parse(url)
    if (target?.protocol === 'file:') return this.#read(part, target)
    if (target?.protocol === 'http:' || target?.protocol === 'https:')
      return this.#fetch(part, target, patience)
    throw invalid(
      `The url of ${nameOf(part)} is not one of data:, file:, http: or https:. Of a file, read the bytes and pass ` +
        'them as data',
    )
  }

  async #read(part: MediaPart, url: URL): Promise<Uint8Array> {
    if (this.#options.readFiles !== true) throw refused(part, 'file: addresses are not read', 'readFiles')
    const files = this.#context.runtime.builtin('fs')
    if (!isFileSystem(files) || url.host !== '')
      throw invalid(`There is no file for ${nameOf(part)} to be read`)
    try {
      const handle = await files.promises.open(url, 'r')
      try {
        const stat = await handle.stat()
        // A device or a pipe has no end.
        if (!stat.isFile()) throw invalid(`What ${nameOf(part)} points to is not a file`)
        if (stat.size > this.#bytesMax) throw tooLarge(part, this.#bytesMax)
        return await handle.readFile()
      } finally {
        await handle.close()
      }
    } catch (error) {
      if (error instanceof AIError) throw error
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
      throw new AIError({
        code: 'request_invalid',
        message: `The file of ${nameOf(part)} cannot be read (${code})`,
        cause: error,
      })
    }
  }

  /** Fetches without a key, without redirects, from an address that was looked at before. */
  async #fetch(part: MediaPart, url: URL, { signal, timeLeftMs }: Patience): Promise<Uint8Array> {
    const { transport, runtime } = this.#context
    const named = this.#isNamed(url)
    if (!named) assertFetchable(part, url, this.#options.fetchUrls)
    assertNoUser(part, url)
    const totalMs = Math.min(FETCH_MS_MAX, timeLeftMs ?? FETCH_MS_MAX)
    const address = await addressOf(part, url, runtime, named)
    const there = new URL(url)
    there.hostname = address.includes(':') ? `[${address}]` : address
    there.hash = ''
    const exchange = await transport.send({
      method: 'GET',
      url: there.href,
      // The name goes with it: for the server, and for its certificate.
      headers: { host: url.host, accept: ACCEPT },
      deadlines: { totalMs },
      signal,
    })
    if (exchange.status !== 200) {
      exchange.abort()
      const redirects = exchange.status >= 300 && exchange.status < 400
      const why = redirects ? 'redirects, which is not followed: use its final address' : 'answers'
      throw invalid(`The address of ${nameOf(part)} at ${url.host} ${why} (HTTP ${exchange.status})`)
    }
    return readBody(exchange, this.#bytesMax)
  }

  /** Whether the configuration names the origin: then its owner has been asked, wherever it is. */
  #isNamed(url: URL): boolean {
    const { fetchUrls } = this.#options
    if (!Array.isArray(fetchUrls)) return false
    const origins: readonly string[] = fetchUrls
    return origins.some((origin) => URL.parse(origin)?.origin === url.origin)
  }
}

/** Whether a host can be one of the public internet, as far as its name tells. */
function mayBePublic(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
  if (host.includes(':') || /^[\d.]+$/.test(host)) return isPublicAddress(host)
  return host.includes('.') && !/\.(?:localhost|local|internal)$/.test(host)
}

/** @throws AIError `request_invalid` */
function assertNoUser(part: MediaPart, { username, password }: URL): void {
  if (username !== '' || password !== '') throw invalid(`The url of ${nameOf(part)} has a user in it`)
}

/** @throws AIError `request_invalid` */
function assertFetchable(part: MediaPart, url: URL, allowed: MediaOptions['fetchUrls']): void {
  if (allowed === undefined || allowed === false)
    throw refused(part, 'http and https addresses are not fetched', 'fetchUrls')
  if (allowed !== true) throw refused(part, `nothing is fetched from ${url.host}`, 'fetchUrls')
  if (url.protocol === 'https:') return
  const advice = isLoopback(url.hostname) ? 'name its origin in media.fetchUrls' : 'use https'
  throw invalid(
    `The url of ${nameOf(part)} is http, which is not fetched: ${advice}, or pass the bytes as data`,
  )
}

/**
 * The address to connect to: the name is looked up once, and the request goes to what was found and checked, so that
 * a second answer of the DNS changes nothing.
 */
async function addressOf(
  part: MediaPart,
  url: URL,
  runtime: DriverContext['runtime'],
  named: boolean,
): Promise<string> {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const dns = runtime.builtin('dns')
  if (!isDns(dns)) {
    throw invalid(
      `This runtime cannot look up ${url.host} for ${nameOf(part)}: fetch it yourself, and pass data`,
    )
  }
  const found = await dns.promises.lookup(host, { all: true }).catch((cause: unknown) => {
    throw new AIError({
      code: 'network_failed',
      message: `The host ${url.host} of ${nameOf(part)} cannot be found: check the address and the network`,
      cause,
    })
  })
  const [first] = found
  // One that is not public is enough: which of them is taken must not depend on chance.
  const secret = !named && found.some(({ address }) => !isPublicAddress(address))
  if (first !== undefined && !secret) return first.address
  throw invalid(
    `The host ${url.host} of ${nameOf(part)} is not on the public internet: name its origin in media.fetchUrls, ` +
      'or pass the bytes as data',
  )
}

interface Dns {
  readonly promises: {
    lookup(host: string, options: { readonly all: true }): Promise<readonly { readonly address: string }[]>
  }
}

function isDns(value: unknown): value is Dns {
  return typeof value === 'object' && value !== null && 'promises' in value
}

interface FileHandle {
  stat(): Promise<{ isFile(): boolean; readonly size: number }>
  readFile(): Promise<Uint8Array>
  close(): Promise<void>
}

interface FileSystem {
  readonly promises: { open(path: URL, flags: 'r'): Promise<FileHandle> }
}

function isFileSystem(value: unknown): value is FileSystem {
  return typeof value === 'object' && value !== null && 'promises' in value
}

/** The media of a request, each with what is taken in its place. @throws AIError `request_invalid` for one without any */
function placed(
  { messages }: ChatRequest,
  { messages: inMessages = {}, results }: MediaPlaces,
): readonly { readonly part: MediaPart; readonly taken: TakenMedia }[] {
  const parts = messages.flatMap(({ content }) => (typeof content === 'string' ? [] : content))
  return parts.flatMap((holder) => {
    const taken = isMedia(holder) ? inMessages : results
    return mediaOf(holder).map((part) => {
      if (taken && (taken.types?.includes(part.type) ?? true)) return { part, taken }
      const place = isMedia(holder) ? 'message' : `result of a tool (${'name' in holder ? holder.name : ''})`
      throw invalid(
        `The provider takes no ${part.type} part in a ${place}: say it in words, or put it into a message of the user`,
      )
    })
  })
}

function withMedia(request: ChatRequest, ready: ReadonlyMap<MediaPart, MediaPart>): ChatRequest {
  const made = (media: MediaPart): MediaPart => ready.get(media) ?? media
  const withReady = (part: Part): Part => {
    if (isMedia(part)) return made(part)
    return part.type === 'tool-result' && part.media ? { ...part, media: part.media.map(made) } : part
  }
  const messages = request.messages.map((message) => {
    const { content } = message
    return typeof content === 'string' || content.flatMap(mediaOf).length === 0
      ? message
      : { ...message, content: content.map(withReady) }
  })
  return { ...request, messages }
}

function nameOf(part: MediaPart): string {
  const article = part.type === 'file' ? 'a' : 'an'
  return `${article} ${part.type} part`
}

function notBase64(part: MediaPart): never {
  throw invalid(`The data of ${nameOf(part)} is no base64: pass base64, a data URL or the bytes`)
}

function tooLarge(part: MediaPart, bytesMax: number): AIError {
  return new AIError({
    code: 'limit_exceeded',
    message: `The bytes of ${nameOf(part)} are more than ${bytesMax}: make it smaller, or raise media.bytesMax`,
    details: { limit: 'bytesMax', bytesMax },
  })
}

function refused(part: MediaPart, what: string, option: keyof MediaOptions): AIError {
  return invalid(
    `${what[0]?.toUpperCase()}${what.slice(1)}, as ${nameOf(part)} asks: pass the bytes as data, or allow it with ` +
      `media.${option} of the provider`,
  )
}

function invalid(message: string): AIError {
  return new AIError({ code: 'request_invalid', message })
}
