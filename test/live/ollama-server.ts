import { spawn, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { accessSync, constants, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { parseHost } from '../../src/drivers/ollama/api.ts'

/** Longest wait for a server that was started, and for one that was asked to stop, in milliseconds. */
const START_MS_MAX = 30_000
const STOP_MS_MAX = 10_000
const POLL_MS = 100

/** A real Ollama to test against. */
export interface LiveOllama {
  readonly url: string
  readonly version: string
  /** Sends a request and gives its JSON; a body is sent as JSON, or as it is. Fails for any status but 2xx. */
  call(method: string, path: string, body?: unknown): Promise<unknown>
  /** Makes a model of a GGUF file. */
  create(name: string, gguf: Buffer, more?: Readonly<Record<string, unknown>>): Promise<void>
  remove(name: string): Promise<void>
  /** Ends the server if it was started here. */
  close(): Promise<void>
}

/**
 * A server at OLLAMA_HOST, or an `ollama` on PATH, started on a free port with an empty folder of its own. Never one
 * that happens to run on the usual port. Gives the reason where there is neither.
 */
export async function openOllama(): Promise<LiveOllama | string> {
  const { OLLAMA_HOST: host } = process.env
  if (host !== undefined && host.trim() !== '') {
    const url = parseHost(host).href.replace(/\/+$/, '')
    const version = await versionAt(url)
    return version === undefined
      ? `no Ollama answers at OLLAMA_HOST (${url})`
      : liveAt(url, version, async () => {})
  }
  const program = onPath('ollama')
  if (program === undefined) return 'OLLAMA_HOST is not set, and there is no ollama on PATH'
  return startOllama(program)
}

function onPath(name: string): string | undefined {
  const candidates = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, name))
  return candidates.find((file) => {
    try {
      accessSync(file, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

async function startOllama(program: string): Promise<LiveOllama | string> {
  const folder = mkdtempSync(join(tmpdir(), 'groat-live-'))
  const [home, models] = [join(folder, 'home'), join(folder, 'models')]
  for (const one of [home, models]) mkdirSync(one)
  const url = `http://127.0.0.1:${await freePort()}`
  const own = {
    HOME: home,
    USERPROFILE: home,
    OLLAMA_MODELS: models,
    OLLAMA_HOST: url.slice('http://'.length),
  }
  const env = { ...process.env, OLLAMA_NO_CLOUD: '1', OLLAMA_KEEP_ALIVE: '60s', ...own }
  const child = spawn(program, ['serve'], { env, stdio: ['ignore', 'ignore', 'pipe'] })
  let log = ''
  child.stderr.on('data', (piece: Buffer) => (log = `${log}${piece.toString()}`.slice(-2_000)))
  const close = async (): Promise<void> => {
    await stop(child)
    rmSync(folder, { recursive: true, force: true })
  }
  const version = await answerOf(url, child)
  if (version !== undefined) return liveAt(url, version, close)
  await close()
  return `${program} did not answer within ${START_MS_MAX} ms: ${log.split('\n').at(-2) ?? ''}`
}

async function answerOf(url: string, child: ChildProcess): Promise<string | undefined> {
  for (let waited = 0; waited < START_MS_MAX && child.exitCode === null; waited += POLL_MS) {
    const version = await versionAt(url)
    if (version !== undefined) return version
    await pause(POLL_MS)
  }
  return undefined
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX)
  await ended
  clearTimeout(timer)
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}

async function versionAt(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(`${url}/api/version`, { signal: AbortSignal.timeout(2_000) })
    const { version } = (await response.json()) as { version?: unknown }
    return typeof version === 'string' ? version : undefined
  } catch {
    return undefined
  }
}

/** Waits on the real clock: a real server has no other. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function liveAt(url: string, version: string, close: () => Promise<void>): LiveOllama {
  const call = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const sent =
      body === undefined ? {} : { body: Buffer.isBuffer(body) ? new Uint8Array(body) : JSON.stringify(body) }
    const response = await fetch(url + path, { method, ...sent, signal: AbortSignal.timeout(60_000) })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return text === '' ? undefined : (JSON.parse(text) as unknown)
  }
  return {
    url,
    version,
    call,
    create: async (name, gguf, more = {}) => {
      const digest = `sha256:${createHash('sha256').update(gguf).digest('hex')}`
      const { ok } = await fetch(`${url}/api/blobs/${digest}`, { method: 'HEAD' })
      if (!ok) await call('POST', `/api/blobs/${digest}`, gguf)
      const files = { [`${name}.gguf`]: digest }
      const said = await call('POST', '/api/create', { model: name, files, stream: false, ...more })
      const { status, error } = said as { status?: string; error?: string }
      if (status !== 'success') throw new Error(`The model ${name} was not made: ${error ?? String(status)}`)
    },
    remove: async (name) => {
      await call('POST', '/api/chat', { model: name, messages: [], keep_alive: 0, stream: false })
      await call('DELETE', '/api/delete', { model: name })
    },
    close,
  }
}
